// Random bytes as a prompt with all of its syntax: either it is refused with an ldm::Error of one
// line, or every promise of its plan holds.

#include <cmath>
#include <string>
#include <string_view>

#include "chapters/08_ldm_pipeline/prompt/composition.h"
#include "chapters/08_ldm_pipeline/prompt/extra_networks.h"
#include "chapters/08_ldm_pipeline/prompt/prompt_plan.h"
#include "chapters/08_ldm_pipeline/prompt/prompt_schedule.h"
#include "tests/fuzz/fuzz.h"

using namespace ldm;
using namespace ldm::pipeline;
using fuzz::attempt;
using fuzz::require;

namespace {

constexpr std::int64_t length = 12;

const text::ClipTokenizer& tokenizer() {
    static const text::ClipTokenizer made(
        text::parse_merges("a n\nan d</w>\n, ,</w>\nw o\nr d</w>\nwo rd</w>\n", "fixed"));
    return made;
}

void check(const Chunk& chunk, std::size_t embeddings) {
    require(chunk.ids.size() == length && chunk.weights.size() == length);
    require(chunk.ids.front() == tokenizer().start_token());
    require(chunk.ids.back() == tokenizer().end_token());
    require(chunk.weights.front() == 1.0f && chunk.weights.back() == 1.0f);
    for (const float weight : chunk.weights) require(std::isfinite(weight));
    std::int64_t done = 1;
    for (const auto& [position, embedding] : chunk.insertions) {
        require(embedding < embeddings);
        require(position >= done && position + 3 < length);
        done = position + 3;
    }
}

void check(const TextSchedule& schedule, int steps, std::size_t embeddings, std::size_t chunks) {
    require(!schedule.entries.empty() && schedule.entries.back().until == steps);
    int before = 0;
    for (const ScheduleEntry& entry : schedule.entries) {
        require(entry.until > before && entry.text < schedule.texts.size());
        before = entry.until;
    }
    for (const auto& text : schedule.texts) {
        require(text.size() == chunks);
        for (const Chunk& chunk : text) check(chunk, embeddings);
    }
}

void check_plan(const PromptRequest& request) {
    const TextTower tower{.kind = "FrozenCLIPEmbedder",
                          .length = length,
                          .width = 4,
                          .vocab_size = tokenizer().vocabulary_size(),
                          .layers = 2};
    const PromptPlan plan = plan_prompts(request, tokenizer(), tower);
    require(plan.pictures.size() == request.prompts.size());
    for (const PicturePlan& picture : plan.pictures) {
        require(!picture.parts.empty());
        const std::size_t chunks = picture.negative.texts.front().size();
        check(picture.negative, request.steps, plan.embeddings.size(), chunks);
        for (const auto& [texts, weight] : picture.parts) {
            require(std::isfinite(weight));
            check(texts, request.steps, plan.embeddings.size(), chunks);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzz::text_of(data, size);
    if (input.empty()) return 0;
    const int steps = 1 + data[0] % 20;
    const std::string prompt(input.substr(1));

    // without UTF-8 these make sense of what they can
    require(parse_schedule(prompt, steps).back().until == steps);
    attempt([&] { require(!parse_attention(prompt).empty()); });
    attempt([&] { require(take_extra_networks(prompt).text.size() <= prompt.size()); });
    attempt([&] { require(!split_composition(prompt).empty()); });

    const TextualInversion word{"word", Tensor::full({3, 4}, 1.0f)};
    for (const PromptSyntax syntax : {PromptSyntax::a1111, PromptSyntax::plain})
        attempt([&] {
            check_plan({.prompts = {prompt, "a"},
                        .negative_prompt = prompt,
                        .syntax = syntax,
                        .steps = steps,
                        .embeddings = {word}});
        });
    return 0;
}
