#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "chapters/07_unet/layer_outputs.h"
#include "common/figures/color_map.h"
#include "common/figures/figure.h"
#include "common/figures/heat_map.h"
#include "common/image/resize.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::unet {
namespace {

using figures::Canvas;

// of a feature map at full resolution, between two, of one level of the U
constexpr double map_size = 96, gap = 26, level_height = map_size + 90;
// a label of the ends may be wider than its map
constexpr double card_shift = 4, skip_spacing = 18, label_overhang = 12;
constexpr int channels_per_card = 48;

/// How large the activations are at each pixel: the root of the mean square over the channels.
image::Image rms_map(const Tensor& y) {
    const Tensor rms = ops::sqrt(ops::mean(ops::square(y), {1}));  // [N, H, W]
    const Tensor map = ops::to(rms, Device::cpu);
    const auto [n, height, width] = map.dims<3>();
    return figures::heat_map(map.values().first(height * width), static_cast<int>(height),
                             static_cast<int>(width), figures::ColorMap::magma);
}

/// Where the output of a block stands: a stack of cards, one for every so many channels.
struct Stack {
    figures::Rectangle front;
    int cards;
    double middle() const { return front.x + front.width / 2; }
    figures::Point top() const { return {middle(), front.y - cards * card_shift - 6}; }
};

/// How many levels down a block works. One that shrinks belongs to the level it leads to.
int level_of(const Block& block) {
    return block.level + (block.parts[0].kind == Part::Kind::down ? 1 : 0);
}

/// Every output on its level, from left to right.
std::vector<Stack> place(const std::vector<LayerOutput>& outputs, double left, double top) {
    const double zoom =
        std::max(1.0, std::floor(map_size / static_cast<double>(outputs.front().y.dim(3))));
    std::vector<Stack> stacks;
    for (const LayerOutput& output : outputs) {
        const double height = static_cast<double>(output.y.dim(2)) * zoom,
                     width = static_cast<double>(output.y.dim(3)) * zoom;
        const int cards = std::max<int>(1, static_cast<int>(output.y.dim(1)) / channels_per_card);
        const double taken = std::max(width, map_size);
        const double floor = top + (level_of(output.block) + 1) * level_height;
        stacks.push_back(
            {{left + std::floor((taken - width) / 2), floor - height, width, height}, cards});
        left += taken + gap;
    }
    return stacks;
}

/// Half an ellipse from stack to stack.
void draw_skip_connection(Canvas& canvas, figures::Point from, figures::Point to, double rise,
                          figures::Color color) {
    std::vector<figures::Point> points;
    constexpr int pieces = 90;
    for (int i = 0; i <= pieces; ++i) {
        const double angle = std::numbers::pi * i / pieces;
        const double share = (1 - std::cos(angle)) / 2;
        points.push_back({from.x + share * (to.x - from.x),
                          from.y + share * (to.y - from.y) - rise * std::sin(angle)});
    }
    canvas.line(points, color);
}

/// "output_blocks.4" is "output.4" on the narrow label.
std::string short_name(const std::string& key) {
    const auto number = key.find('.');
    return key.substr(0, key.find('_')) + (number == key.npos ? "" : key.substr(number));
}

void draw_stack(Canvas& canvas, const Stack& stack, const LayerOutput& output) {
    for (int card = stack.cards - 1; card > 0; --card) {
        figures::Rectangle area = stack.front;
        area.x += card * card_shift;
        area.y -= card * card_shift;
        canvas.fill(area, {247, 243, 248});
        canvas.frame(area, {170, 150, 180});
    }
    canvas.picture(rms_map(output.y), stack.front);
    const auto [n, channels, height, width] = output.y.dims<4>();
    const double below = stack.front.y + stack.front.height;
    canvas.text({stack.middle(), below + 16}, short_name(output.block.key),
                {.align = figures::Align::centre});
    canvas.text(
        {stack.middle(), below + 36}, fmt::format("{} × {} × {}", channels, height, width),
        {.align = figures::Align::centre, .size = figures::small_size, .color = figures::faint});
}

/// The input or the output of the whole UNet, standing on `floor`.
void draw_end(Canvas& canvas, const figures::Tile& end, double x, double floor) {
    const figures::Rectangle area{x, floor - map_size, map_size, map_size};
    constexpr int size = static_cast<int>(map_size);
    canvas.picture(image::resize(end.picture, size, size, image::Filter::nearest), area);
    canvas.frame({area.x - 1, area.y - 1, area.width + 2, area.height + 2});
    canvas.text({x + map_size / 2, floor + 16}, end.label, {.align = figures::Align::centre});
}

}  // namespace

figures::Canvas layer_outputs_figure(const std::vector<LayerOutput>& outputs,
                                     const std::string& title, const figures::Tile& before,
                                     const figures::Tile& after) {
    const int count = static_cast<int>(outputs.size()), inputs = (count - 1) / 2;
    const int levels = 1 + outputs[inputs].block.level;
    // the skip connections rise above the cards of the first level
    const double top = skip_spacing * inputs + 32 - (level_height - map_size);
    const std::vector<Stack> stacks = place(outputs, label_overhang + map_size + 2 * gap, top);
    const double end = stacks.back().front.x + stacks.back().front.width + 2 * gap;

    const double bottom = top + levels * level_height + 50;
    Canvas body(end + map_size + label_overhang, bottom + figures::color_scale_height);
    for (int i = 0; i < inputs; ++i)
        // the output of input block i is for the block as far from the end
        draw_skip_connection(body, stacks[i].top(), stacks[count - 1 - i].top(),
                             skip_spacing * (inputs - i),
                             figures::mix(figures::curve_color(i), image::white, 0.25f));
    for (int i = 0; i < count; ++i) draw_stack(body, stacks[i], outputs[i]);
    draw_end(body, before, label_overhang, top + level_height);
    draw_end(body, after, end, top + level_height);
    figures::draw_color_scale(body, {1, bottom},
                              {figures::ColorMap::magma, "smallest", "largest",
                               "root mean square over the channels, each map by itself"});
    return figures::figure(
        title, body,
        "The output of every block, channels × height × width; the thicker a stack, the more "
        "channels. Arcs are skip connections: what an input block computed is concatenated to the "
        "input of an output block of the same resolution.");
}

}  // namespace ldm::unet
