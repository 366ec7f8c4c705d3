#include "chapters/09_training/data/batch_order.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "chapters/09_training/data/counter_random.h"
#include "common/error.h"

namespace ldm::train {
namespace {

/// Pictures by what they show, concepts in the order of their names.
std::vector<std::vector<std::int64_t>> grouped(const std::vector<std::string>& concept_names) {
    std::map<std::string, std::vector<std::int64_t>> members;
    for (std::size_t i = 0; i < concept_names.size(); ++i)
        members[concept_names[i]].push_back(static_cast<std::int64_t>(i));
    std::vector<std::vector<std::int64_t>> groups;
    for (auto& [concept_name, pictures] : members) groups.push_back(std::move(pictures));
    return groups;
}

}  // namespace

std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::int64_t epoch) {
    const CounterRandom random(seed, Purpose::shuffle);
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    for (std::int64_t i = count - 1; i > 0; --i)
        std::swap(order[i], order[random.below(i + 1, epoch, static_cast<std::uint32_t>(i))]);
    return order;
}

BatchOrder::BatchOrder(const std::vector<std::string>& concept_names, const DataConfig& config,
                       int batch_size, std::uint64_t seed)
    : pictures_(static_cast<std::int64_t>(concept_names.size())),
      groups_(grouped(concept_names)),
      config_(config),
      batch_size_(batch_size),
      seed_(seed) {
    expect(pictures_ > 0 && batch_size > 0,
           fmt::format("expected pictures and a batch size above 0, got {} and {}", pictures_,
                       batch_size));
}

BatchOrder::Order BatchOrder::order_of(std::int64_t epoch) const {
    const std::lock_guard lock(mutex_);
    if (epoch != epoch_) {
        order_ = std::make_shared<const std::vector<std::int64_t>>(
            shuffled(config_.balance_concepts ? concepts() : pictures_, seed_, epoch));
        epoch_ = epoch;
    }
    return order_;
}

std::int64_t BatchOrder::picture_of(std::int64_t sample) const {
    const auto any = [&] { return CounterRandom(seed_, Purpose::file).below(pictures_, sample); };
    if (!config_.balance_concepts) return (*order_of(sample / pictures_))[sample % pictures_];
    if (CounterRandom(seed_, Purpose::unbalanced).uniform(sample) < config_.unbalanced_fraction)
        return any();

    const std::int64_t turn = sample / config_.samples_per_concept,
                       sibling = sample % config_.samples_per_concept;
    const auto& members = groups_[(*order_of(turn / concepts()))[turn % concepts()]];
    const auto count = static_cast<std::int64_t>(members.size());
    if (sibling >= count) return any();
    return members[(CounterRandom(seed_, Purpose::concept_member).below(count, turn) + sibling) %
                   count];
}

std::vector<Draw> BatchOrder::at(std::int64_t step) const {
    expect(step >= 0, fmt::format("expected a step from 0 on, got {}", step));
    const CounterRandom caption(seed_, Purpose::caption), flip(seed_, Purpose::flip),
        crop(seed_, Purpose::crop);
    std::vector<Draw> draws;
    for (int i = 0; i < batch_size_; ++i) {
        const std::int64_t sample = step * batch_size_ + i;
        const bool random_crop = config_.crop == Crop::random;
        const CropShare share = config_.crop_share.value_or(CropShare{.min = 1, .max = 1});
        draws.push_back({.picture = picture_of(sample),
                         .drop_caption = caption.uniform(sample) < config_.caption_dropout,
                         .flipped = config_.flip && flip.uniform(sample) < 0.5,
                         .crop_x = random_crop ? crop.uniform(sample, 0) : 0.5,
                         .crop_y = random_crop ? crop.uniform(sample, 1) : 0.5,
                         .crop_f = std::lerp(share.min, share.max, crop.uniform(sample, 2))});
    }
    return draws;
}

}  // namespace ldm::train
