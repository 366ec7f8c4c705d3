#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/ldm/picture_settings.h"
#include "chapters/ldm/prompt_options.h"

/// --from PICTURE: the settings of a picture count where nothing else was said.

namespace ldm::program {

struct DrawingOptions;

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
