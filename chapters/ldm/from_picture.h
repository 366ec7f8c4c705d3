#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/ldm/prompt_options.h"
#include "chapters/ldm/settings.h"

/// --from PICTURE: the settings in the text of a PNG, ours or A1111's.

namespace ldm::program {

struct DrawingOptions;

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

/// Adds --from, which gives a command all settings of a picture that nothing else gives it, and the
/// rest into `origin`. Tells of what is not done here.
void add_from_option(CLI::App& command, std::optional<PictureOrigin>& origin);

/// The LoRAs of a picture as --lora has them, FILE:STRENGTH, found in that folder. Throws an Error
/// for one that is not there.
[[nodiscard]] std::vector<std::string> loras_of(const PictureOrigin& origin,
                                                const std::string& lora_dir);

/// Throws an Error if no model was named and the one that ships is another than the picture's.
void expect_model(const PictureOrigin& origin, const std::string& model);

/// Tells if the picture of --from was drawn with another model than this one, or with something
/// that was not given.
void tell_differences(const DrawingOptions& options, const pipeline::OpenedModel& model,
                      const Embeddings& embeddings);

}  // namespace ldm::program
