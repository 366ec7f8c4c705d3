#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/prompt/chunks.h"
#include "chapters/08_ldm_pipeline/text_tower.h"

namespace ldm::pipeline {

/// What a prompt's characters mean.
enum class PromptSyntax {
    /// weights, prompt editing, AND and so on, as in AUTOMATIC1111's web UI (docs/prompt_syntax.md)
    a1111,
    /// nothing but words; what is beyond the text encoder's length is cut
    plain,
};

/// What is said up to which step.
struct ScheduleEntry {
    int until;
    /// which of the texts
    std::size_t text;
};

/// Which text of a schedule is said when `steps_done` steps are done. As upstream does
/// (reconstruct_cond_batch), this compares the steps that are done, so that what is said up to step
/// 10 is said in eleven steps.
[[nodiscard]] std::size_t text_at(const std::vector<ScheduleEntry>& entries, int steps_done);

struct TextSchedule {
    /// by `until`, which grows; at least one
    std::vector<ScheduleEntry> entries;
    /// each once, all of one number of chunks
    std::vector<std::vector<Chunk>> texts;
};

/// One picture's prompt: prompts to be composed, and what the picture should not be.
struct PicturePlan {
    struct Part {
        TextSchedule texts;
        float weight = 1.0f;
    };
    std::vector<Part> parts;
    TextSchedule negative;
};

/// All that is said to the text encoder for the pictures of a request. Made of texts alone, so that
/// what cannot be is refused before a weight is read.
struct PromptPlan {
    std::vector<PicturePlan> pictures;
    std::vector<TextualInversion> embeddings;
    /// from which layer the text encoder's output is taken; 1: the last, 2: the last but one
    int clip_skip = 1;
    /// for each picture the text that is cut from its prompt, with PromptSyntax::plain
    std::vector<std::string> cut;
};

/// What a person says. `steps` is the number of sampling steps.
struct PromptRequest {
    std::vector<std::string> prompts;
    std::string negative_prompt;
    PromptSyntax syntax = PromptSyntax::a1111;
    int steps = 1;
    std::vector<TextualInversion> embeddings = {};
    int clip_skip = 1;
};

/// Takes the prompts apart. <lora:…> is left out: whoever opens the model merges LoRAs. The texts
/// of one picture all have the same number of chunks, the shorter ones are filled with empty ones.
/// Throws an Error for what the parsers and the chunker do not take, with a1111 for a prompt of
/// more than 100,000 bytes, for prompts that make more than 4096 chunks together, for an embedding
/// in use that is not as wide as the text encoder, and for a clip_skip that leaves it no layer.
[[nodiscard]] PromptPlan plan_prompts(const PromptRequest& request,
                                      const text::Tokenizer& tokenizer,
                                      const TextTower& text_tower);

}  // namespace ldm::pipeline
