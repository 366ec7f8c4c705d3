#include "chapters/08_ldm_pipeline/prompt/prompt_schedule.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include "chapters/08_ldm_pipeline/prompt/numbers.h"
#include "common/text/words.h"

namespace ldm::pipeline {
namespace {

constexpr std::string_view special = "[]():|";

/// An instruction: its tokens from [ over : or | to ], as indices.
struct Instruction {
    std::vector<std::size_t> cuts;
    // of [a:b:10] the step; empty for [a|b]
    std::optional<int> when = {};

    /// Which of the parts between the cuts is said at a step; -1: none.
    int part_at(int step) const {
        if (!when) return (step - 1) % (static_cast<int>(cuts.size()) - 1);
        const int after = static_cast<int>(cuts.size()) - 3;
        return step <= *when ? after - 1 : after;
    }
};

/// Text without special characters, or one of them.
struct Token {
    std::string_view text;
    // where an instruction begins
    std::optional<Instruction> instruction = {};

    bool is(char c) const { return text.size() == 1 && text[0] == c; }
};

/// A bracket that is open, and what has been seen in it.
struct OpenBracket {
    std::size_t token = 0;
    std::vector<std::size_t> colons = {}, bars = {};
};

/// The step of "10" or " 0.4 "; `steps` at most.
std::optional<int> step_of(std::string_view text, int steps) {
    const std::string_view digits = text::trim(text);
    const auto number = number_of(digits);
    if (!number) return {};
    const double step = digits.find('.') == digits.npos ? *number : *number * steps;
    return static_cast<int>(std::clamp(std::trunc(step), -1.0, static_cast<double>(steps)));
}

/// Finds the instructions. Without recursion: a stranger's brackets may be as deep as they like.
class ScheduleParser {
public:
    explicit ScheduleParser(int steps) : steps_(steps) {}

    /// Nothing for a prompt that upstream's grammar does not know at all.
    std::optional<std::vector<Token>> parse(std::string_view prompt) {
        while (!prompt.empty() && is_known_) {
            const std::size_t length = token_length(prompt);
            tokens_.push_back({prompt.substr(0, length)});
            prompt.remove_prefix(length);
            look_at(tokens_.size() - 1);
        }
        give_up_open_brackets();
        if (!is_known_) return {};
        return std::move(tokens_);
    }

private:
    /// Special characters are tokens of their own, unless there is a backslash before them.
    std::size_t token_length(std::string_view rest) {
        if (special.find(rest[0]) != special.npos) return 1;
        std::size_t length = 0;
        while (length < rest.size() && special.find(rest[length]) == special.npos) {
            const bool escapes = rest[length] == '\\';
            if (escapes && (length + 1 == rest.size() || rest[length + 1] == '\n'))
                is_known_ = false;
            length += escapes ? 2 : 1;
        }
        return std::min(length, rest.size());
    }

    void look_at(std::size_t i) {
        const Token& token = tokens_[i];
        if (token.is('[') || token.is('(')) {
            open_.push_back({i});
        } else if (token.is(':')) {
            if (!open_.empty()) open_.back().colons.push_back(i);
        } else if (token.is('|')) {
            if (open_.empty())
                is_known_ = false;
            else
                open_.back().bars.push_back(i);
        } else if (token.is(']') || token.is(')')) {
            if (closes_well(i))
                open_.pop_back();
            else
                give_up_open_brackets();
        }
    }

    /// Whether token i closes the innermost open bracket, and that has a meaning; if it is that of
    /// an instruction, it is noted.
    bool closes_well(std::size_t i) {
        if (open_.empty()) return false;
        const OpenBracket& bracket = open_.back();
        Token& first = tokens_[bracket.token];
        if (tokens_[i].is(')'))
            return first.is('(') && bracket.bars.empty() && bracket.colons.size() <= 1;
        if (!first.is('[')) return false;
        if (!bracket.bars.empty()) return bracket.colons.empty() && note(bracket, bracket.bars, i);
        if (bracket.colons.empty()) return true;
        return bracket.colons.size() <= 2 && bracket.colons.back() + 2 == i &&
               note(bracket, bracket.colons, i, step_of(tokens_[i - 1].text, steps_));
    }

    bool note(const OpenBracket& bracket, const std::vector<std::size_t>& between,
              std::size_t last) {
        Instruction instruction{.cuts = {bracket.token}};
        instruction.cuts.insert(instruction.cuts.end(), between.begin(), between.end());
        instruction.cuts.push_back(last);
        tokens_[bracket.token].instruction = std::move(instruction);
        return true;
    }

    bool note(const OpenBracket& bracket, const std::vector<std::size_t>& between, std::size_t last,
              std::optional<int> when) {
        if (!when) return false;
        note(bracket, between, last);
        tokens_[bracket.token].instruction->when = when;
        return true;
    }

    /// What is in them is text, and a | is none.
    void give_up_open_brackets() {
        for (const OpenBracket& bracket : open_)
            if (!bracket.bars.empty()) is_known_ = false;
        open_.clear();
    }

    int steps_;
    bool is_known_ = true;
    std::vector<Token> tokens_;
    std::vector<OpenBracket> open_;
};

/// The steps after which the text may be another one, and the last.
std::set<int> ends(const std::vector<Token>& tokens, int steps) {
    std::set<int> result{steps};
    for (const Token& token : tokens) {
        if (!token.instruction) continue;
        if (token.instruction->when) {
            if (*token.instruction->when >= 1) result.insert(*token.instruction->when);
        } else {
            for (int step = 1; step <= steps; ++step) result.insert(step);
        }
    }
    return result;
}

std::string text_at(const std::vector<Token>& tokens, int step) {
    std::string text;
    struct Range {
        std::size_t begin, end;
    };
    std::vector<Range> rest{{0, tokens.size()}};
    while (!rest.empty()) {
        const auto [begin, end] = rest.back();
        rest.pop_back();
        std::size_t i = begin;
        for (; i < end && !tokens[i].instruction; ++i) text += tokens[i].text;
        if (i == end) continue;
        const Instruction& instruction = *tokens[i].instruction;
        rest.push_back({instruction.cuts.back() + 1, end});
        if (const int part = instruction.part_at(step); part >= 0)
            rest.push_back({instruction.cuts[part] + 1, instruction.cuts[part + 1]});
    }
    return text;
}

}  // namespace

std::vector<ScheduledText> parse_schedule(std::string_view prompt, int steps) {
    const auto tokens = ScheduleParser(steps).parse(prompt);
    if (!tokens) return {{steps, std::string(prompt)}};
    std::vector<ScheduledText> schedule;
    for (const int until : ends(*tokens, steps))
        schedule.push_back({until, text_at(*tokens, until)});
    return schedule;
}

}  // namespace ldm::pipeline
