#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "chapters/ldm/settings.h"

/// The settings in the text of a PNG, ours or A1111's, as options.

namespace ldm::program {

/// What a picture says of files, for which there is no option: names, but not where they are.
struct PictureOrigin {
    /// the picture, as a message may show it
    std::string file;
    /// empty: it says none
    std::string model;
    struct Lora {
        std::string name, strength;
    };
    std::vector<Lora> loras;
    std::vector<std::string> learned_words;
    /// another autoencoder than the model's own; empty: none
    std::string vae;
    /// decoded by TAESD
    bool taesd = false;
    /// drawn by the scheduler of the model's scheduler_config.json
    bool own_scheduler = false;
};

/// What the text of a picture says.
struct PictureSettings {
    Settings settings;
    PictureOrigin origin;
    /// what it says of things that are not done here, "Hires upscaler: R-ESRGAN 4x+"
    std::vector<std::string> unknown;
};

/// For a command that may have been told some of it otherwise already. Throws an Error for a
/// picture without such a text, a damaged one, and a sampler or a schedule that there is not.
[[nodiscard]] PictureSettings settings_of_picture(const std::string& path, const CLI::App& command);

}  // namespace ldm::program
