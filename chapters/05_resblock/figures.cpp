#include "chapters/05_resblock/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "chapters/01_ddpm/schedule.h"
#include "common/figures/figure.h"
#include "common/figures/heat_map.h"
#include "common/figures/sheet.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::resblock {
namespace {

using figures::ColorMap;

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
    return figures::channel_map(x, 0, channel, ColorMap::diverging, -range, range);
}

const figures::ColorScale own_range = {ColorMap::diverging, "−max", "+max", "activation"};

}  // namespace

std::vector<int> strongest_channels(const Tensor& x, int count) {
    const Tensor power = ops::to(ops::sum(ops::square(x), {0, 2, 3}), Device::cpu);  // [C]
    std::vector<int> channels(power.size());
    std::iota(channels.begin(), channels.end(), 0);
    std::ranges::sort(channels, {}, [&](int c) { return std::pair(-power.data()[c], c); });
    channels.resize(std::min<std::size_t>(channels.size(), count));
    return channels;
}

double length(const Tensor& x) { return std::sqrt(ops::sum(ops::square(x)).item()); }

figures::Canvas stages_figure(const FirstBlock::Pass& pass, const std::vector<int>& channels) {
    const std::vector<std::pair<std::string, Tensor>> stages = {
        {"input x", pass.x},
        {"first convolution", pass.conv_in},
        {"normalized, with time", pass.with_time},
        {"residual", pass.residual},
        {"x + residual", pass.y}};
    std::vector<figures::Tile> tiles;
    std::vector<std::string> rows, columns;
    for (const int channel : channels) columns.push_back(fmt::format("channel {}", channel));
    for (const auto& [name, maps] : stages) {
        rows.push_back(name);
        for (const int channel : channels) tiles.push_back({map_of(maps, channel)});
    }
    return figures::sheet(
        tiles, {.title = "One ResBlock, layer by layer",
                .caption = "The channels with the largest residual. The last row is the sum of the "
                           "first and the fourth: the skip connection adds x to the residual.",
                .columns = static_cast<int>(channels.size()),
                .tile_size = 112,
                .column_labels = columns,
                .row_labels = rows,
                .scale = own_range});
}

namespace {

/// The channels in the order of how much t raises them.
std::vector<std::int64_t> sorted_channels(const Tensor& shifts) {
    const auto [times, channels] = shifts.dims<2>();
    const float* first = shifts.data();
    const float* last = shifts.data() + (times - 1) * channels;
    std::vector<std::int64_t> order(channels);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](std::int64_t c) { return std::pair(last[c] - first[c], c); });
    return order;
}

}  // namespace

figures::Canvas time_shift_figure(const Tensor& anywhere) {
    const Tensor shifts = ops::to(anywhere, Device::cpu);
    const auto [times, channels] = shifts.dims<2>();
    std::vector<float> map;
    for (const std::int64_t channel : sorted_channels(shifts))
        for (std::int64_t t = 0; t < times; ++t)
            map.push_back(shifts.data()[t * channels + channel]);
    const float range = largest_magnitude(map);

    // a pixel wide for each time, three pixels high for each channel
    constexpr double left = 30, below = 28;
    const auto width = static_cast<double>(times), height = 3.0 * static_cast<double>(channels);
    figures::Canvas body(left + width, height + 2 * below + figures::color_scale_height);
    body.picture(figures::heat_map(map, static_cast<int>(channels), static_cast<int>(times),
                                   ColorMap::diverging, -range, range),
                 {left, 0, width, height});
    body.text({left / 2, height / 2}, "channel (sorted)",
              {.align = figures::Align::centre, .color = figures::faint, .upwards = true});
    const double line = height + below / 2;
    body.text({left, line}, "t = 0: almost clean");
    body.text({left + width / 2, line}, "timestep t",
              {.align = figures::Align::centre, .color = figures::faint});
    body.text({left + width, line}, fmt::format("t = {}: almost pure noise", times - 1),
              {.align = figures::Align::right});
    figures::draw_color_scale(body, {left, body.height() - figures::color_scale_height},
                              {ColorMap::diverging, fmt::format("−{:.2f}", range),
                               fmt::format("+{:.2f}", range), "shift τ(t) of the channel"});
    return figures::figure("Time embedding: the shift of each channel at each timestep", body,
                           "What the block adds to every pixel of a channel at timestep t. Sorted "
                           "by the change from first to last t: some channels fall with the "
                           "noise, others rise.");
}

TimeComparison compare_times(const FirstBlock& block, const Tensor& features, int truth,
                             std::vector<int> times) {
    TimeComparison comparison{
        truth, block.run(features, ddpm::same_step(features, truth)), std::move(times), {}};
    for (const int t : comparison.times)
        comparison.at_times.push_back(block.run(features, ddpm::same_step(features, t)));
    return comparison;
}

figures::Canvas time_comparison_figure(const TimeComparison& comparison) {
    const Tensor& truth = comparison.at_truth.residual;
    const Tensor change = comparison.at_times.back().residual - truth;
    std::vector<figures::Tile> tiles;
    std::vector<std::string> rows, columns = {"residual"};
    for (const int t : comparison.times) columns.push_back(fmt::format("t = {}", t));
    for (const int channel : strongest_channels(change, 5)) {
        rows.push_back(fmt::format("channel {}", channel));
        const float range = largest_magnitude(ops::slice(truth, 1, channel, channel + 1));
        tiles.push_back({map_of(truth, channel)});
        for (const FirstBlock::Pass& pass : comparison.at_times)
            tiles.push_back({figures::channel_map(pass.residual - truth, 0, channel,
                                                  ColorMap::diverging, -range, range)});
    }
    return figures::sheet(
        tiles,
        {.title = "The residual of one input, conditioned on other timesteps",
         .caption = fmt::format(
             "First column: the residual at the true timestep, {}. The others: how it changes when "
             "the block is conditioned on another t. The five channels that change most; each row "
             "has the range of its first map.",
             comparison.truth),
         .columns = static_cast<int>(columns.size()),
         .tile_size = 112,
         .column_labels = columns,
         .row_labels = rows,
         .scale = own_range});
}

}  // namespace ldm::resblock
