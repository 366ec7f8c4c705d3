#pragma once

#include <filesystem>
#include <string>

namespace ldm::pipeline {

/// What a checkpoint is: its layout, how many numbers each part has and in which precision, and
/// whether everything is there that drawing needs.
struct Inspection {
    std::string text;    // several lines, for a person
    bool whole = false;  // ldm txt2img can draw with it
};

/// Throws an Error when the path cannot be read at all. Reads headers only.
Inspection inspect(const std::filesystem::path& path);

}  // namespace ldm::pipeline
