#include "chapters/05_resblock/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chapters/01_ddpm/schedule.h"
#include "common/figures/tensor_picture.h"
#include "common/image/canvas.h"
#include "common/image/sheet.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::resblock {
namespace {

using image::ColorMap;

float largest_magnitude(std::span<const float> values) {
    float largest = 0.0f;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    return largest;
}

float largest_magnitude(const Tensor& x) {
    return largest_magnitude(ops::to(x, Device::cpu).values());
}

/// One channel, blue below zero and red above; its own largest value is the darkest.
image::Image map_of(const Tensor& x, int channel) {
    const float range = largest_magnitude(ops::slice(x, 1, channel, channel + 1));
    return image::channel_map(x, 0, channel, ColorMap::diverging, -range, range);
}

}  // namespace

std::vector<int> strongest_channels(const Tensor& x, int count) {
    const Tensor power = ops::to(ops::sum(ops::square(x), {0, 2, 3}), Device::cpu);  // [C]
    std::vector<int> channels(power.size());
    std::iota(channels.begin(), channels.end(), 0);
    std::ranges::stable_sort(channels, std::greater{}, [&](int c) { return power.data()[c]; });
    channels.resize(std::min<std::size_t>(channels.size(), count));
    return channels;
}

double length(const Tensor& x) { return std::sqrt(ops::sum(ops::square(x)).item()); }

image::Image show_pass(const FirstBlock::Pass& pass, const std::vector<int>& channels) {
    const std::vector<std::pair<std::string, Tensor>> stages = {
        {"x comes in", pass.x},
        {"conv_in", pass.conv_in},
        {"levelled, with time", pass.with_time},
        {"residual", pass.residual},
        {"x + residual", pass.y}};
    std::vector<image::Tile> tiles;
    std::vector<std::string> rows;
    for (const auto& [name, maps] : stages) {
        rows.push_back(name);
        const bool last = rows.size() == stages.size();
        for (const int channel : channels)
            tiles.push_back(
                {map_of(maps, channel), last ? fmt::format("channel {}", channel) : ""});
    }
    return image::sheet(tiles,
                        {.title = "One ResBlock, stage by stage",
                         .note = "Blue is below zero, red above; every map has its own range.",
                         .columns = static_cast<int>(channels.size()),
                         .tile_size = 112,
                         .gap = 12,
                         .row_labels = rows});
}

image::Image show_time_shift(const Tensor& anywhere) {
    const Tensor shifts = ops::to(anywhere, Device::cpu);
    const auto [times, channels] = shifts.dims<2>();
    const float* first = shifts.data();
    const float* last = shifts.data() + (times - 1) * channels;
    std::vector<std::int64_t> order(channels);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::int64_t c) { return last[c] - first[c]; });

    std::vector<float> map;
    for (const std::int64_t channel : order)
        for (std::int64_t t = 0; t < times; ++t)
            map.push_back(shifts.data()[t * channels + channel]);
    const float range = largest_magnitude(map);
    const auto picture = image::heat_map(map, static_cast<int>(channels), static_cast<int>(times),
                                         ColorMap::diverging, -range, range);

    const int width = static_cast<int>(times), height = static_cast<int>(2 * channels), margin = 32;
    image::Canvas canvas(width + 2 * margin, height + 150);
    canvas.text(margin, margin, "Time embedding: one number per channel, at every t",
                image::Align::left, 3);
    const int top = 2 * margin + image::text_height(3) / 2;
    image::Canvas stretched(width, height);
    for (int row = 0; row < height; ++row)
        for (int t = 0; t < width; ++t) stretched.fill(t, row, 1, 1, picture.at(t, row / 2));
    canvas.paste(stretched.image(), margin, top);
    canvas.frame(margin - 1, top - 1, width + 2, height + 2);
    const int below = top + height + 10;
    canvas.text(margin, below, "t = 0: almost clean");
    canvas.text(margin + width, below, fmt::format("t = {}: noise", times - 1),
                image::Align::right);
    canvas.text(margin + width / 2, below, "a row is a channel", image::Align::centre, 2,
                image::faint);
    return canvas.image();
}

TimeComparison compare_times(const FirstBlock& block, const Tensor& features, int truth,
                             std::vector<int> times) {
    TimeComparison comparison{
        truth, block.run(features, ddpm::same_step(features, truth)), std::move(times), {}};
    for (const int t : comparison.times)
        comparison.at_times.push_back(block.run(features, ddpm::same_step(features, t)));
    return comparison;
}

image::Image show_time_comparison(const TimeComparison& comparison) {
    const Tensor& truth = comparison.at_truth.residual;
    const Tensor change = comparison.at_times.back().residual - truth;
    std::vector<image::Tile> tiles;
    std::vector<std::string> rows;
    for (const int channel : strongest_channels(change, 5)) {
        rows.push_back(fmt::format("channel {}", channel));
        const float range = largest_magnitude(ops::slice(truth, 1, channel, channel + 1));
        tiles.push_back({map_of(truth, channel), fmt::format("t = {}", comparison.truth)});
        for (std::size_t i = 0; i < comparison.times.size(); ++i) {
            const Tensor difference = comparison.at_times[i].residual - truth;
            tiles.push_back(
                {image::channel_map(difference, 0, channel, ColorMap::diverging, -range, range),
                 fmt::format("t = {}", comparison.times[i])});
        }
    }
    return image::sheet(tiles, {.title = "The same picture, conditioned on another t",
                                .note = "First column: the residual. The others: what changes "
                                        "when the block gets another t.",
                                .columns = static_cast<int>(comparison.times.size()) + 1,
                                .tile_size = 112,
                                .gap = 12,
                                .row_labels = rows});
}

}  // namespace ldm::resblock
