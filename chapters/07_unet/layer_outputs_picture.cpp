#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "chapters/07_unet/layer_outputs.h"
#include "common/image/canvas.h"
#include "common/image/color_map.h"
#include "common/image/resize.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::unet {
namespace {

constexpr int margin = 36, gap = 26, widest = 96, narrowest = 96, floor_height = widest + 76;
constexpr int card_shift = 4, channels_per_card = 48, bridge_step = 18;

/// How large the numbers are at each pixel: the root of the mean square over the channels.
image::Image energy(const Tensor& y) {
    const Tensor there = ops::sqrt(ops::mean(ops::square(y), {1}));  // [N, H, W]
    const Tensor map = ops::to(there, Device::cpu);
    const auto [n, height, width] = map.dims<3>();
    return image::heat_map(map.values().first(height * width), static_cast<int>(height),
                           static_cast<int>(width), image::ColorMap::magma);
}

/// Where a stack of cards stands.
struct Stack {
    int x, y, width, height, cards, zoom;
    image::Point top() const {
        return {x + width / 2.0f, static_cast<float>(y - cards * card_shift - 6)};
    }
};

/// How many floors down a block works. One that shrinks belongs to the floor it leads to.
int floor_of(const Block& block) {
    return block.level + (block.parts[0].kind == Part::Kind::down ? 1 : 0);
}

/// Every result on its floor, from left to right.
std::vector<Stack> place(const std::vector<LayerOutput>& steps, int left, int top) {
    const int zoom = std::max<int>(1, widest / static_cast<int>(steps.front().y.dim(3)));
    std::vector<Stack> stacks;
    for (const LayerOutput& step : steps) {
        const int height = static_cast<int>(step.y.dim(2)) * zoom,
                  width = static_cast<int>(step.y.dim(3)) * zoom;
        const int cards = std::max<int>(1, static_cast<int>(step.y.dim(1)) / channels_per_card);
        const int taken = std::max(width, narrowest);
        stacks.push_back({left + (taken - width) / 2,
                          top + (floor_of(step.block) + 1) * floor_height - height, width, height,
                          cards, zoom});
        left += taken + gap;
    }
    return stacks;
}

/// Half an ellipse from stack to stack.
void draw_bridge(image::Canvas& canvas, image::Point from, image::Point to, float rise,
                 image::Color color) {
    std::vector<image::Point> points;
    constexpr int pieces = 90;
    for (int i = 0; i <= pieces; ++i) {
        const float angle = std::numbers::pi_v<float> * i / pieces;
        const float share = (1 - std::cos(angle)) / 2;
        points.push_back({from.x + share * (to.x - from.x),
                          from.y + share * (to.y - from.y) - rise * std::sin(angle)});
    }
    canvas.curve(points, color, 2);
}

/// "output_blocks.4" is "output.4" on the narrow label.
std::string short_name(const std::string& key) {
    const auto number = key.find('.');
    return key.substr(0, key.find('_')) + (number == key.npos ? "" : key.substr(number));
}

void draw_stack(image::Canvas& canvas, const Stack& stack, const LayerOutput& step) {
    for (int card = stack.cards - 1; card > 0; --card) {
        const int shift = card * card_shift;
        canvas.fill(stack.x + shift, stack.y - shift, stack.width, stack.height,
                    image::Color{247, 243, 248});
        canvas.frame(stack.x + shift, stack.y - shift, stack.width, stack.height,
                     image::Color{170, 150, 180});
    }
    canvas.paste(energy(step.y), stack.x, stack.y, stack.zoom);
    const auto [n, channels, height, width] = step.y.dims<4>();
    const int middle = stack.x + stack.width / 2, below = stack.y + stack.height + 8;
    canvas.text(middle, below, short_name(step.block.key), image::Align::centre, 2);
    canvas.text(middle, below + 24, fmt::format("{} x {} x {}", channels, height, width),
                image::Align::centre, 1, image::faint);
}

void draw_end(image::Canvas& canvas, const image::Tile& end, int x, int floor) {
    const image::Image picture = image::resize(end.picture, widest, widest, image::Filter::nearest);
    canvas.paste(picture, x, floor - widest);
    canvas.frame(x - 1, floor - widest - 1, widest + 2, widest + 2);
    canvas.text(x + widest / 2, floor + 8, end.label, image::Align::centre, 2);
}

}  // namespace

image::Image layer_outputs_picture(const std::vector<LayerOutput>& steps, const std::string& title,
                                   const image::Tile& before, const image::Tile& after) {
    const int count = static_cast<int>(steps.size()), inputs = (count - 1) / 2;
    const int floors = 1 + steps[inputs].block.level;
    const int top = margin + 60 + bridge_step * inputs - widest;
    const std::vector<Stack> stacks = place(steps, margin + widest + 2 * gap, top);
    const int end = stacks.back().x + stacks.back().width + 2 * gap;

    image::Canvas canvas(end + widest + margin, top + floors * floor_height + 60);
    canvas.text(margin, margin - 8, title);
    for (int i = 0; i < inputs;
         // what input block i keeps is for the block as far from the end
         ++i)
        draw_bridge(canvas, stacks[i].top(), stacks[count - 1 - i].top(),
                    bridge_step * (inputs - i),
                    image::mix(image::curve_color(i), image::white, 0.25f));
    for (int i = 0; i < count; ++i) draw_stack(canvas, stacks[i], steps[i]);
    draw_end(canvas, before, margin, top + floor_height);
    draw_end(canvas, after, end, top + floor_height);
    return canvas.image();
}

}  // namespace ldm::unet
