#include "chapters/08_ldm_pipeline/prompt/attention_weights.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "chapters/08_ldm_pipeline/prompt/numbers.h"
#include "common/error.h"
#include "common/io/utf8.h"
#include "common/text/words.h"

namespace ldm::pipeline {
namespace {

using namespace std::string_view_literals;

constexpr double round_multiplier = 1.1, square_multiplier = 1 / 1.1;
constexpr std::size_t most_open_brackets = 1000;
constexpr double largest_weight = 1e6;

/// The ":1.3)" at the front of a text, white space allowed around the number.
struct WeightToken {
    std::string_view all, number;
};

std::optional<WeightToken> weight_at_front(std::string_view text) {
    std::string_view rest = text::trim_front(text.substr(1));
    const bool has_sign = rest.starts_with('+') || rest.starts_with('-');
    const std::size_t after = rest.find_first_not_of(".0123456789", has_sign ? 1 : 0);
    if (after == rest.npos || after == (has_sign ? 1 : 0)) return {};
    const std::string_view number = rest.substr(0, after);
    rest = text::trim_front(rest.substr(after));
    if (!rest.starts_with(')')) return {};
    return WeightToken{text.substr(0, text.size() - rest.size() + 1), number};
}

class AttentionParser {
public:
    std::vector<WeightedText> parse(std::string_view prompt) {
        while (!prompt.empty()) prompt.remove_prefix(take_token(prompt));
        for (const std::size_t first : round_) multiply_from(first, round_multiplier);
        for (const std::size_t first : square_) multiply_from(first, square_multiplier);
        if (pieces_.empty()) pieces_.emplace_back();
        merge_equal_neighbours();
        return std::move(pieces_);
    }

private:
    /// Takes what is in front and returns how many bytes that was.
    std::size_t take_token(std::string_view rest) {
        switch (rest[0]) {
            case '\\':
                return take_escape(rest);
            case '(':
                return open(round_);
            case '[':
                return open(square_);
            case ')':
                return close(round_, round_multiplier, ")");
            case ']':
                return close(square_, square_multiplier, "]");
            case ':':
                return take_colon(rest);
            default:
                return take_text(rest.substr(0, rest.find_first_of(R"(\()[]:)")));
        }
    }

    /// A backslash in front of anything else is left out.
    std::size_t take_escape(std::string_view rest) {
        const bool escapes = rest.size() > 1 && R"(()[]\)"sv.find(rest[1]) != rest.npos;
        pieces_.push_back({escapes ? std::string(1, rest[1]) : std::string()});
        return escapes ? 2 : 1;
    }

    std::size_t open(std::vector<std::size_t>& brackets) {
        if (round_.size() + square_.size() == most_open_brackets)
            throw Error(
                fmt::format("more than {} brackets of the prompt are within each other; "
                            "\\( and \\[ are brackets without a meaning",
                            most_open_brackets));
        brackets.push_back(pieces_.size());
        return 1;
    }

    std::size_t close(std::vector<std::size_t>& brackets, double multiplier,
                      std::string_view token) {
        if (brackets.empty()) return take_text(token);
        multiply_from(brackets.back(), multiplier);
        brackets.pop_back();
        return token.size();
    }

    std::size_t take_colon(std::string_view rest) {
        const auto weight = weight_at_front(rest);
        if (!weight) return take_text(rest.substr(0, 1));
        if (round_.empty()) return take_text(weight->all);
        const auto number = number_of(weight->number);
        if (!number)
            throw Error(
                fmt::format("\"{}\" in the prompt is no number; a weight is written (cat:1.2)",
                            text::printable(weight->number)));
        return close(round_, *number, weight->all);
    }

    /// BREAK ends a chunk, and takes the white space around it along.
    std::size_t take_text(std::string_view text) {
        constexpr std::string_view end_of_chunk = "BREAK";
        const std::size_t length = text.size();
        for (std::size_t at = text::find_word(text, end_of_chunk); at != text.npos;
             at = text::find_word(text, end_of_chunk)) {
            add(text::trim_back(text.substr(0, at)), 1.0);
            add(end_of_chunk, -1.0);
            text = text::trim_front(text.substr(at + end_of_chunk.size()));
        }
        add(text, 1.0);
        return length;
    }

    void add(std::string_view text, double weight) {
        pieces_.push_back({std::string(text), weight});
    }

    void multiply_from(std::size_t first, double multiplier) {
        for (std::size_t i = first; i < pieces_.size(); ++i) pieces_[i].weight *= multiplier;
    }

    void merge_equal_neighbours() {
        std::vector<WeightedText> merged;
        for (WeightedText& piece : pieces_)
            if (!merged.empty() && merged.back().weight == piece.weight)
                merged.back().text += piece.text;
            else
                merged.push_back(std::move(piece));
        pieces_ = std::move(merged);
    }

    std::vector<WeightedText> pieces_;
    // of each open bracket how many pieces there were before it
    std::vector<std::size_t> round_, square_;
};

void expect_usable(const WeightedText& piece) {
    if (std::abs(piece.weight) <= largest_weight) return;
    throw Error(fmt::format("\"{}\" of the prompt has the weight {:g}: at most {:g} is possible",
                            text::printable(piece.text), piece.weight, largest_weight));
}

}  // namespace

std::vector<WeightedText> parse_attention(std::string_view prompt) {
    std::vector<WeightedText> pieces = AttentionParser().parse(prompt);
    for (const WeightedText& piece : pieces) expect_usable(piece);
    return pieces;
}

}  // namespace ldm::pipeline
