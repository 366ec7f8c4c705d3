#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ldm::pipeline {

/// The text that a prompt is until a step, that step included.
struct ScheduledText {
    int until = 0;
    std::string text;

    bool operator==(const ScheduledText&) const = default;
};

/// What a prompt says at each of `steps` sampling steps, by the instructions that AUTOMATIC1111's
/// web UI knows:
///
///     [a:b:10]   a up to step 10, then b      [a::10]   a up to step 10, then nothing
///     [b:10]     nothing up to 10, then b     [a|b|c]   another one at each step, in turn
///     [a:b:0.4]  a number with a point is a share of the steps
///
/// They may stand within each other and within brackets of attention, and all other brackets stay
/// in the text. A bracket that fits nothing is text. A prompt where a | stands outside of [a|b], or
/// which ends in a backslash, has no instructions at all. The last entry is until `steps`, each
/// entry later than the one before. Upstream: get_learned_conditioning_prompt_schedules of
/// modules/prompt_parser.py, whose grammar is ambiguous for an instruction with several brackets or
/// colons beside it that belong to nothing: there it may be text.
[[nodiscard]] std::vector<ScheduledText> parse_schedule(std::string_view prompt, int steps);

}  // namespace ldm::pipeline
