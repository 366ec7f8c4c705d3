#pragma once

#include <filesystem>
#include <string>

namespace ldm::pipeline {

/// What a checkpoint is: its family (ModelSpec), its layout, how many numbers each part has and in
/// which precision, and whether everything is there that drawing needs.
struct Inspection {
    /// several lines, for a person
    std::string text;
    /// ldm txt2img can draw with it
    bool whole = false;
};

/// Throws an Error when the path cannot be read at all. Reads headers only.
Inspection inspect(const std::filesystem::path& path);

}  // namespace ldm::pipeline
