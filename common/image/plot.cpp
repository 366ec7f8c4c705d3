#include "common/image/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/error.h"
#include "common/image/canvas.h"
#include "common/image/color_map.h"
#include "common/image/ticks.h"

namespace ldm::image {
namespace {

using Range = std::pair<float, float>;

float x_of(const Curve& curve, std::size_t i) {
    return curve.x.empty() ? static_cast<float>(i) : curve.x[i];
}

/// The smallest range that holds all finite values that `get` finds on the curves.
template <typename Get>
Range range_of(const std::vector<Curve>& curves, Get get) {
    Range range = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
    for (const Curve& curve : curves)
        for (std::size_t i = 0; i < curve.y.size(); ++i)
            if (const float value = get(curve, i); std::isfinite(value))
                range = {std::min(range.first, value), std::max(range.second, value)};
    if (range.first > range.second) return {0, 1};
    if (range.first == range.second) range = {range.first - 0.5f, range.second + 0.5f};
    return range;
}

}  // namespace

Image plot(const std::vector<Curve>& curves, const PlotStyle& style) {
    for (const Curve& curve : curves)
        expect(curve.x.empty() || curve.x.size() == curve.y.size(),
               fmt::format("curve '{}' has {} x and {} y", curve.name, curve.x.size(),
                           curve.y.size()));
    const auto height_of = [&](float y) { return style.log_y ? (y > 0 ? std::log10(y) : NAN) : y; };
    const Range x_range = style.x_range.value_or(range_of(curves, x_of));
    Range y_range =
        range_of(curves, [&](const Curve& c, std::size_t i) { return height_of(c.y[i]); });
    if (style.y_range)
        y_range = {height_of(style.y_range->first), height_of(style.y_range->second)};

    // The numbers at the y axis decide how much room they get.
    const auto y_ticks = style.log_y ? log_ticks(y_range.first, y_range.second)
                                     : round_ticks(y_range.first, y_range.second, 5);
    const auto y_text = [&](double tick) {
        if (!style.log_y) return tick_label(tick, y_ticks.size() > 1 ? y_ticks[1] - y_ticks[0] : 1);
        return tick_label(std::pow(10.0, tick), std::pow(10.0, std::floor(tick)));
    };
    int y_text_width = 0;
    for (const double tick : y_ticks)
        y_text_width = std::max(y_text_width, text_width(y_text(tick)));

    constexpr int margin = 32, space = 12;
    const int left = margin + y_text_width + space;
    int top = margin;
    if (!style.title.empty()) top += text_height(3) + space;
    if (!style.y_label.empty() || curves.size() > 1) top += text_height() + space;
    const int right = style.width - margin;
    const int bottom = style.height - margin - text_height() - space -
                       (style.x_label.empty() ? 0 : text_height() + space / 2);
    expect(right - left > 50 && bottom - top > 50,
           fmt::format("a plot of {}x{} is too small", style.width, style.height));

    const auto place = [&](float x, float y) {
        return Point{
            static_cast<float>(left) + (x - x_range.first) / (x_range.second - x_range.first) *
                                           static_cast<float>(right - left),
            static_cast<float>(bottom) - (y - y_range.first) / (y_range.second - y_range.first) *
                                             static_cast<float>(bottom - top)};
    };

    Canvas canvas(style.width, style.height);
    canvas.text(margin, margin, style.title, Align::left, 3);
    canvas.text(margin, top - space - text_height(), style.y_label, Align::left, 2, faint);
    canvas.text((left + right) / 2, style.height - margin - text_height(), style.x_label,
                Align::centre, 2, faint);
    for (const double tick : y_ticks) {
        const int y = static_cast<int>(std::lround(place(0, static_cast<float>(tick)).y));
        canvas.fill(left, y, right - left, 1, hairline);
        canvas.text(left - space, y - 7, y_text(tick), Align::right, 2, faint);
    }
    const auto x_ticks = round_ticks(x_range.first, x_range.second, 6);
    for (const double tick : x_ticks) {
        const int x = static_cast<int>(std::lround(place(static_cast<float>(tick), 0).x));
        canvas.fill(x, bottom, 1, 6, faint);
        canvas.text(x, bottom + space,
                    tick_label(tick, x_ticks.size() > 1 ? x_ticks[1] - x_ticks[0] : 1),
                    Align::centre, 2, faint);
    }
    canvas.fill(left, bottom, right - left, 1, faint);

    int legend = right;
    // from the right, so that the row ends there
    for (std::size_t i = curves.size(); i-- > 0;) {
        const Color color = curves[i].color.value_or(curve_color(i));
        std::vector<Point> points;
        for (std::size_t k = 0; k < curves[i].y.size(); ++k) {
            const float y = height_of(curves[i].y[k]);
            // a line may leave the frame a little, but not climb over the title
            points.push_back(
                place(x_of(curves[i], k), std::clamp(y, y_range.first, y_range.second)));
        }
        if (curves[i].dots)
            canvas.dots(points, color);
        else
            canvas.curve(points, color, 2.5f);
        if (curves.size() == 1) break;
        const int y = top - space - text_height();
        canvas.text(legend, y, curves[i].name, Align::right);
        legend -= text_width(curves[i].name) + 8;
        canvas.fill(legend - 24, y + 6, 24, 4, color);
        legend -= 24 + 2 * space;
    }
    return canvas.image();
}

}  // namespace ldm::image
