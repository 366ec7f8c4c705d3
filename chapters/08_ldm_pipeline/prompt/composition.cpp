#include "chapters/08_ldm_pipeline/prompt/composition.h"

#include <fmt/format.h>

#include <cmath>

#include "chapters/08_ldm_pipeline/prompt/numbers.h"
#include "common/error.h"
#include "common/io/utf8.h"
#include "common/text/words.h"

namespace ldm::pipeline {
namespace {

constexpr std::size_t most_prompts = 32;
constexpr double largest_weight = 1e6;

ComposedText with_weight(std::string_view prompt) {
    prompt = text::trim_back(prompt);
    const std::size_t colon = prompt.rfind(':');
    if (colon == prompt.npos) return {std::string(prompt)};
    const std::string_view digits = text::trim_front(prompt.substr(colon + 1));
    // no powers of ten here
    const auto number =
        digits.find_first_of("eE") == digits.npos ? number_of(digits) : std::optional<double>();
    if (!number) return {std::string(prompt)};
    if (!(std::abs(*number) <= largest_weight))
        throw Error(
            fmt::format("\"{}\" of the prompt has the weight {:g}: at most {:g} is possible",
                        text::printable(prompt), *number, largest_weight));
    return {std::string(text::trim_back(prompt.substr(0, colon))), *number};
}

}  // namespace

std::vector<ComposedText> split_composition(std::string_view prompt) {
    constexpr std::string_view word = "AND";
    std::vector<ComposedText> prompts;
    for (std::size_t end = 0; end != prompt.npos;) {
        end = text::find_word(prompt, word);
        prompts.push_back(with_weight(prompt.substr(0, end)));
        if (prompts.size() > most_prompts)
            throw Error(fmt::format("at most {} prompts can be composed with AND", most_prompts));
        if (end != prompt.npos) prompt.remove_prefix(end + word.size());
    }
    return prompts;
}

}  // namespace ldm::pipeline
