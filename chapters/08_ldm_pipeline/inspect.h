#pragma once

#include <filesystem>
#include <string>

#include "chapters/08_ldm_pipeline/text_tower.h"

namespace ldm::pipeline {

/// What a checkpoint is: its family (ModelSpec), its layout, how many numbers each part has and of
/// which type, and whether all weights are there that text to image needs.
struct Inspection {
    /// several lines to read. Of an unsupported model they hold ModelSpec::problems, of an
    /// incomplete one the missing weights as Checkpoint::check() lists them
    std::string text;
    /// whether `ldm txt2img` can sample from it
    bool whole = false;
};

/// Reads headers and settings only. A model with a text encoder that is not among `text_towers` is
/// not whole. Throws an Error where open_model() does.
Inspection inspect(const std::filesystem::path& path,
                   const TextTowerKinds& text_towers = clip_text_tower());

}  // namespace ldm::pipeline
