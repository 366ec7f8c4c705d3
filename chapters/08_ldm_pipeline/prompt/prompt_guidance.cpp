#include "chapters/08_ldm_pipeline/prompt/prompt_guidance.h"

#include <algorithm>
#include <map>
#include <utility>

#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::pipeline {
namespace {

/// What pictures must have in common to be predicted together.
struct Kind {
    std::int64_t length;
    std::size_t parts;
    bool is_guided;

    auto operator<=>(const Kind&) const = default;
};

Kind kind_of(const PictureContexts& picture, float scale) {
    if (picture.parts.empty()) return {.length = 0, .parts = 0, .is_guided = false};
    const bool alone = picture.parts.size() == 1 && picture.parts[0].weight == 1.0f;
    const Tensor& first = picture.parts.front().contexts.contexts.front();
    return {.length = first.rank() > 1 ? first.dim(1) : 0,
            .parts = picture.parts.size(),
            .is_guided = !alone || scale != 1.0f};
}

/// Those entries of the batch, in this order.
Tensor entries_of(const Tensor& x, const std::vector<std::int64_t>& chosen) {
    std::vector<Tensor> entries;
    for (const std::int64_t i : chosen) entries.push_back(ops::slice(x, 0, i, i + 1));
    return ops::concat(entries, 0);
}

/// The weights of part i, [n, 1, 1, 1]; empty if all are 1.
Tensor weights_of(const std::vector<const PictureContexts*>& pictures, std::size_t i) {
    std::vector<float> weights;
    for (const PictureContexts* picture : pictures) weights.push_back(picture->parts[i].weight);
    if (std::ranges::count(weights, 1.0f) == std::ssize(weights)) return {};
    const Device device = pictures.front()->negative.contexts.front().device();
    return ops::to(Tensor::from({std::ssize(weights), 1, 1, 1}, weights), device);
}

}  // namespace

PromptGuidance::PromptGuidance(ConditionedModel model, std::vector<PictureContexts> pictures,
                               float scale, const Guide& guide)
    : count_(std::ssize(pictures)) {
    std::map<Kind, std::vector<std::int64_t>> kinds;
    for (std::int64_t i = 0; i < count_; ++i) kinds[kind_of(pictures[i], scale)].push_back(i);
    for (auto& [kind, members] : kinds) {
        std::vector<const PictureContexts*> those;
        for (const std::int64_t i : members) those.push_back(&pictures[i]);
        Group group{.pictures = std::move(members), .predict = model};
        std::vector<Tensor> weights;
        // [uncond, cond_1, …], as guided() has it
        if (kind.is_guided)
            for (const PictureContexts* picture : those) group.rows.push_back(picture->negative);
        for (std::size_t part = 0; part < kind.parts; ++part) {
            weights.push_back(weights_of(those, part));
            for (const PictureContexts* picture : those)
                group.rows.push_back(picture->parts[part].contexts);
        }
        if (kind.is_guided) group.predict = guide(model, weights, scale);
        groups_.push_back(std::move(group));
    }
}

bool PromptGuidance::changes() const {
    return std::ranges::any_of(groups_, [](const Group& group) {
        return std::ranges::any_of(
            group.rows, [](const ContextSchedule& row) { return row.contexts.size() > 1; });
    });
}

const Tensor& PromptGuidance::joined(Group& group, int steps_done) {
    if (group.rows.empty()) return group.joined;
    std::vector<std::size_t> chosen;
    for (const ContextSchedule& row : group.rows)
        chosen.push_back(text_at(row.entries, steps_done));
    if (group.joined && chosen == group.chosen) return group.joined;
    std::vector<Tensor> contexts;
    for (std::size_t i = 0; i < chosen.size(); ++i)
        contexts.push_back(group.rows[i].contexts[chosen[i]]);
    group.joined = contexts.front().dtype() == DType::i32 ? unet::joined_labels(contexts)
                                                          : ops::concat(contexts, 0);
    group.chosen = std::move(chosen);
    return group.joined;
}

std::vector<Tensor> PromptGuidance::contexts(int steps_done) {
    std::vector<Tensor> result;
    for (Group& group : groups_) result.push_back(joined(group, steps_done));
    return result;
}

Tensor PromptGuidance::operator()(const Tensor& x, const Tensor& t,
                                  const std::vector<Tensor>& contexts) const {
    const auto predict = [&](std::size_t group, const Tensor& some_x, const Tensor& some_t) {
        unet::Conditioning given;
        if (const Tensor& told = contexts[group]; told && told.dtype() == DType::i32)
            given.y = told;
        else if (told)
            given.crossattn = {told};
        return groups_[group].predict(some_x, some_t, given);
    };
    if (groups_.size() == 1) return predict(0, x, t);
    const Tensor times = t.dtype() == DType::i32 ? ops::to_float(t) : t;
    std::vector<Tensor> predictions(count_);
    for (std::size_t group = 0; group < groups_.size(); ++group) {
        const auto& pictures = groups_[group].pictures;
        const Tensor y = predict(group, entries_of(x, pictures), entries_of(times, pictures));
        for (std::size_t i = 0; i < pictures.size(); ++i)
            predictions[pictures[i]] =
                ops::slice(y, 0, static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1);
    }
    return ops::concat(predictions, 0);
}

}  // namespace ldm::pipeline
