#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ldm::pipeline {

/// One of the prompts that are composed, and its weight.
struct ComposedText {
    std::string text;
    double weight = 1.0;

    bool operator==(const ComposedText&) const = default;
};

/// "a cat :1.2 AND a dog :0.9": the prompts between the words AND, each with the number at its end
/// or the weight 1. White space at the end of each is left out. A single prompt may have a weight,
/// too. Throws an Error for more than 32 prompts and for a weight beyond +-1,000,000.
/// Liu et al., "Compositional visual generation with composable diffusion models", 2022. Upstream:
/// get_multicond_prompt_list of modules/prompt_parser.py.
[[nodiscard]] std::vector<ComposedText> split_composition(std::string_view prompt);

}  // namespace ldm::pipeline
