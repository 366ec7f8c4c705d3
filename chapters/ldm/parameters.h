#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ldm::program {

/// What stands in a picture's text "parameters", as AUTOMATIC1111's web UI writes it, and so does
/// this program:
///
///     a cat, (red:1.2)
///     Negative prompt: dog
///     Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Model: "a, b", Size: 512x512
struct Parameters {
    std::string prompt, negative_prompt;
    /// in their order; a value in quotation marks is a JSON string
    std::vector<std::pair<std::string, std::string>> settings;

    /// The value of that key, or an empty text.
    [[nodiscard]] std::string value(std::string_view key) const;
};

/// The last line is the settings if there are three at least; a prompt and a negative prompt may
/// have several lines. What between the settings is none is passed over. Upstream:
/// parse_generation_parameters of modules/infotext_utils.py. Throws an Error for a text without
/// settings.
[[nodiscard]] Parameters parse_parameters(std::string_view text);

}  // namespace ldm::program
