#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ldm::pipeline {

/// A piece of a prompt and how much it counts.
struct WeightedText {
    std::string text;
    double weight = 1.0;

    /// Not text, but the end of a chunk: the word BREAK. (Upstream's sign for it. Within brackets
    /// its weight is another one, and so BREAK is a word there.)
    bool is_break() const { return text == "BREAK" && weight == -1.0; }

    bool operator==(const WeightedText&) const = default;
};

/// Takes a prompt apart by the weights that AUTOMATIC1111's web UI knows, and out of it the
/// brackets:
///
///     (a)      a counts 1.1 times        [a]      a counts 1 / 1.1 times
///     (a:1.3)  a counts 1.3 times        \( \) \[ \] \\   these characters themselves
///
/// Brackets within brackets multiply. One that is never closed counts to the end of the prompt; one
/// that was never opened is text. Neighbours of equal weight are one piece, and there is at least
/// one, perhaps empty. Throws an Error for a weight such as 1.2.3, for one beyond +-1,000,000, and
/// for more than 1000 brackets within each other.
/// Upstream: parse_prompt_attention of modules/prompt_parser.py.
[[nodiscard]] std::vector<WeightedText> parse_attention(std::string_view prompt);

}  // namespace ldm::pipeline
