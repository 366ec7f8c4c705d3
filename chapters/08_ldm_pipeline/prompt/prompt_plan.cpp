#include "chapters/08_ldm_pipeline/prompt/prompt_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "chapters/08_ldm_pipeline/prompt/composition.h"
#include "chapters/08_ldm_pipeline/prompt/extra_networks.h"
#include "chapters/08_ldm_pipeline/prompt/prompt_schedule.h"
#include "common/io/utf8.h"

namespace ldm::pipeline {
namespace {

constexpr std::size_t most_bytes = 100'000;
// of Stable Diffusion's text encoder 1 GB
constexpr std::size_t most_chunks_together = 4096;

void expect_possible(const PromptRequest& request, const TextTower& text_tower) {
    const auto expect_text = [&](const std::string& prompt) {
        if (request.syntax != PromptSyntax::plain && prompt.size() > most_bytes)
            throw Error(fmt::format("a prompt of {} bytes is too long: at most {} are possible",
                                    prompt.size(), most_bytes));
        if (!text::is_valid_utf8(prompt))
            throw Error(
                fmt::format("the prompt is not valid UTF-8: \"{}\"", text::printable(prompt)));
    };
    for (const std::string& prompt : request.prompts) expect_text(prompt);
    expect_text(request.negative_prompt);
    const int layers = text_tower.layers;
    if (request.clip_skip < 1 || request.clip_skip > layers)
        throw Error(fmt::format(
            "clip skip {}: the text encoder gives the output of {} layers, so it is between 1 "
            "and {}",
            request.clip_skip, layers, layers));
}

/// Makes the plan of one picture after the other.
class Planner {
public:
    Planner(const PromptRequest& request, const Chunker& chunker)
        : request_(request), chunker_(chunker) {}

    PicturePlan plan(const std::string& prompt, std::string& cut) {
        PicturePlan picture;
        if (request_.syntax == PromptSyntax::plain) {
            std::string unread;
            picture.parts.push_back({plain(prompt, cut)});
            picture.negative = plain(request_.negative_prompt, unread);
        } else {
            for (const ComposedText& part : split_composition(take_extra_networks(prompt).text))
                picture.parts.push_back({scheduled(part.text), static_cast<float>(part.weight)});
            picture.negative = scheduled(request_.negative_prompt);
        }
        fill_up(picture);
        return picture;
    }

private:
    TextSchedule plain(const std::string& text, std::string& cut) const {
        return {{{request_.steps, 0}}, {{chunker_.plain(text, cut)}}};
    }

    TextSchedule scheduled(const std::string& prompt) {
        TextSchedule schedule;
        std::map<std::string, std::size_t> known;
        for (const ScheduledText& entry : parse_schedule(prompt, request_.steps)) {
            const auto [text, is_new] = known.emplace(entry.text, schedule.texts.size());
            if (is_new) {
                schedule.texts.push_back(chunker_(entry.text));
                count(schedule.texts.back().size());
            }
            schedule.entries.push_back({entry.until, text->second});
        }
        return schedule;
    }

    /// A picture's texts take part in one batch, and so have one length.
    void fill_up(PicturePlan& picture) {
        std::vector<TextSchedule*> schedules{&picture.negative};
        for (PicturePlan::Part& part : picture.parts) schedules.push_back(&part.texts);
        std::size_t longest = 0;
        for (const TextSchedule* schedule : schedules)
            for (const auto& chunks : schedule->texts) longest = std::max(longest, chunks.size());
        for (TextSchedule* schedule : schedules)
            for (auto& chunks : schedule->texts) {
                count(longest - chunks.size());
                chunks.resize(longest, empty_);
            }
    }

    void count(std::size_t chunks) {
        chunks_ += chunks;
        if (chunks_ > most_chunks_together)
            throw Error(
                fmt::format("the prompts are too long: together they and all that they "
                            "change to are more than {} times what the text encoder reads "
                            "at once",
                            most_chunks_together));
    }

    const PromptRequest& request_;
    const Chunker& chunker_;
    const Chunk empty_ = chunker_.empty();
    std::size_t chunks_ = 0;
};

void expect_fitting_embeddings(const PromptPlan& plan, std::int64_t width) {
    const auto check = [&](const TextSchedule& schedule) {
        for (const auto& chunks : schedule.texts)
            for (const Chunk& chunk : chunks)
                for (const Chunk::Insertion& insertion : chunk.insertions)
                    expect_width(plan.embeddings[insertion.embedding], width);
    };
    for (const PicturePlan& picture : plan.pictures) {
        for (const PicturePlan::Part& part : picture.parts) check(part.texts);
        check(picture.negative);
    }
}

}  // namespace

std::size_t text_at(const std::vector<ScheduleEntry>& entries, int steps_done) {
    const auto entry = std::ranges::find_if(
        entries, [&](const ScheduleEntry& e) { return steps_done <= e.until; });
    return entry == entries.end() ? entries.back().text : entry->text;
}

PromptPlan plan_prompts(const PromptRequest& request, const text::Tokenizer& tokenizer,
                        const TextTower& text_tower) {
    expect_possible(request, text_tower);
    PromptPlan plan{.embeddings = request.embeddings,
                    .clip_skip = request.clip_skip,
                    .cut = std::vector<std::string>(request.prompts.size())};
    const Chunker chunker(tokenizer, plan.embeddings, text_tower.length);
    Planner planner(request, chunker);
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
        // pictures of one prompt
        if (i > 0 && request.prompts[i] == request.prompts[i - 1]) {
            plan.pictures.push_back(plan.pictures.back());
            plan.cut[i] = plan.cut[i - 1];
        } else {
            plan.pictures.push_back(planner.plan(request.prompts[i], plan.cut[i]));
        }
    }
    expect_fitting_embeddings(plan, text_tower.width);
    return plan;
}

}  // namespace ldm::pipeline
