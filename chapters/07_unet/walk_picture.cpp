#include "chapters/07_unet/shape_walk.h"
#include "common/image/canvas.h"
#include "common/image/color_map.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ldm::unet {
namespace {

constexpr int margin = 36, card_shift = 4, widest = 96;
constexpr int channels_per_card = 48;

/// How large the numbers are at each pixel: the root of the mean square over the channels.
image::Image energy(const Tensor& y) {
    const Tensor map = ops::sqrt(ops::mean(ops::square(y), {1}));  // [N, H, W]
    const auto [n, height, width] = map.dims<3>();
    return image::heat_map(map.values().first(height * width), static_cast<int>(height), static_cast<int>(width),
                           image::ColorMap::magma);
}

/// Where a stack of cards stands.
struct Stack {
    int x, y, width, height, cards, zoom;
    image::Point top() const { return {x + width / 2.0f, static_cast<float>(y - cards * card_shift - 6)}; }
};

/// Places every result on the floor of its size: the smaller, the lower.
std::vector<Stack> place(const std::vector<Step>& steps, int top, int floor_height) {
    const auto largest = steps.front().y.dim(3);
    const int zoom = std::max<int>(1, widest / static_cast<int>(largest));
    std::vector<Stack> stacks;
    int x = margin;
    for (const Step& step : steps) {
        const int height = static_cast<int>(step.y.dim(2)) * zoom, width = static_cast<int>(step.y.dim(3)) * zoom;
        const int floor = static_cast<int>(std::lround(std::log2(static_cast<double>(largest) / step.y.dim(3))));
        const int cards = std::max<int>(1, static_cast<int>(step.y.dim(1)) / channels_per_card);
        stacks.push_back({x, top + (floor + 1) * floor_height - height, width, height, cards, zoom});
        x += std::max(width, 74) + 26;
    }
    return stacks;
}

void draw_bridge(image::Canvas& canvas, image::Point from, image::Point to, float rise, image::Color color) {
    std::vector<image::Point> points;
    constexpr int pieces = 60;
    for (int i = 0; i <= pieces; ++i) {
        const float u = static_cast<float>(i) / pieces;
        const float arch = std::sqrt(std::max(0.0f, 1.0f - (2 * u - 1) * (2 * u - 1)));
        points.push_back({from.x + u * (to.x - from.x), from.y + u * (to.y - from.y) - rise * arch});
    }
    canvas.curve(points, color, 2);
}

}  // namespace

image::Image walk_picture(const std::vector<Step>& steps, const std::string& title) {
    const int count = static_cast<int>(steps.size());
    const int inputs = (count - 1) / 2;
    const int floors = 1 + static_cast<int>(std::lround(std::log2(
                               static_cast<double>(steps.front().y.dim(3)) / steps[inputs].y.dim(3))));
    const int arches = 40 + 18 * inputs, top = margin + 40 + arches, floor_height = widest + 70;
    const std::vector<Stack> stacks = place(steps, top, floor_height);
    const int width = stacks.back().x + std::max(stacks.back().width, 74) + margin;
    image::Canvas canvas(width, top + floors * floor_height + 60);
    canvas.text(margin, margin - 8, title);

    // input block i waits for the output block that is as far from the end
    for (int i = 0; i < inputs; ++i) {
        const int other = count - 1 - i;
        draw_bridge(canvas, stacks[i].top(), stacks[other].top(), 24.0f + 18.0f * (inputs - 1 - i),
                    image::mix(image::curve_color(i), image::white, 0.25f));
    }
    for (int i = 0; i < count; ++i) {
        const Stack& s = stacks[i];
        for (int card = s.cards - 1; card > 0; --card) {
            const int shift = card * card_shift;
            canvas.fill(s.x + shift, s.y - shift, s.width, s.height, image::Color{247, 243, 248});
            canvas.frame(s.x + shift, s.y - shift, s.width, s.height, image::Color{170, 150, 180});
        }
        canvas.paste(energy(steps[i].y), s.x, s.y, s.zoom);
        const int middle = s.x + s.width / 2, below = s.y + s.height + 8;
        const auto& shape = steps[i].y.shape();
        const std::string key = steps[i].block.key;
        canvas.text(middle, below, key.substr(0, key.find('_')) + (key.find('.') == key.npos ? "" : key.substr(key.find('.'))),
                    image::Align::centre, 1);
        canvas.text(middle, below + 14, fmt::format("{} x {} x {}", shape[1], shape[2], shape[3]), image::Align::centre, 1,
                    image::faint);
    }
    return canvas.image();
}

}  // namespace ldm::unet
