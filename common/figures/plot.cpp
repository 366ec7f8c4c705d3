#include "common/figures/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/error.h"
#include "common/figures/axis.h"
#include "common/figures/color_map.h"
#include "common/figures/figure.h"

namespace ldm::figures {
namespace {

constexpr double space = 10, tick_size = 13;
constexpr TextStyle axis_style{.align = Align::centre, .size = tick_size, .color = faint};

float x_of(const Curve& curve, std::size_t i) {
    return curve.x.empty() ? static_cast<float>(i) : curve.x[i];
}

/// The axis that shows all values that `get` finds on the curves and that have a place on it.
template <typename Get>
Axis axis_for(const std::vector<Curve>& curves, Get get,
              const std::optional<std::pair<float, float>>& range, bool log, int tick_count) {
    if (range) return {range->first, range->second, log, tick_count};
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (const Curve& curve : curves)
        for (std::size_t i = 0; i < curve.y.size(); ++i)
            if (const float value = get(curve, i); std::isfinite(value) && (value > 0 || !log)) {
                low = std::min(low, value);
                high = std::max(high, value);
            }
    if (low > high) return {log ? 0.1 : 0.0, 1.0, log, tick_count};
    return {low, high, log, tick_count};
}

Color color_of(const std::vector<Curve>& curves, std::size_t i) {
    return curves[i].color.value_or(curve_color(i));
}

/// the piece of line before a name in the legend, and the room after it
constexpr double sample = 24, sample_space = 6;

/// Where the names of the curves stand: in rows from `left` to `right`.
std::vector<Point> legend_places(const std::vector<Curve>& curves, double left, double right) {
    std::vector<Point> places;
    double x = left, y = line_height(tick_size) / 2;
    for (const Curve& curve : curves) {
        const double width = sample + sample_space + text_width(curve.name, tick_size);
        if (x > left && x + width > right) {
            x = left;
            y += line_height(tick_size);
        }
        places.push_back({x, y});
        x += width + 2 * space;
    }
    return places;
}

/// The names of the curves, each behind a piece of its line.
void draw_legend(Canvas& canvas, const std::vector<Curve>& curves,
                 const std::vector<Point>& places) {
    for (std::size_t i = 0; i < curves.size(); ++i) {
        const auto [x, y] = places[i];
        if (curves[i].dots)
            canvas.dots({{x + sample / 2, y}}, color_of(curves, i), 6);
        else
            canvas.line({{x, y}, {x + sample, y}}, color_of(curves, i), 3);
        canvas.text({x + sample + sample_space, y}, curves[i].name, {.size = tick_size});
    }
}

/// Grid, axes and their numbers, around the area where the curves are.
void draw_axes(Canvas& canvas, const Axis& x_axis, const Axis& y_axis, const Rectangle& area) {
    const double bottom = area.y + area.height;
    for (const auto& [value, text] : y_axis.ticks()) {
        const double y = std::round(bottom - y_axis.place(value) * area.height);
        canvas.fill({area.x, y, area.width, 1}, hairline);
        canvas.text({area.x - space, y}, text,
                    {.align = Align::right, .size = tick_size, .color = faint});
    }
    for (const auto& [value, text] : x_axis.ticks()) {
        const double x = std::round(area.x + x_axis.place(value) * area.width);
        canvas.fill({x, bottom, 1, 6}, faint);
        canvas.text({x, bottom + 6 + line_height(tick_size) / 2}, text, axis_style);
    }
    canvas.fill({area.x, bottom, area.width, 1}, faint);
}

/// The curves alone on a canvas as large as the area between the axes: it cuts off what is outside.
Canvas draw_curves(const std::vector<Curve>& curves, const Axis& x_axis, const Axis& y_axis,
                   const Rectangle& area) {
    Canvas canvas(area.width, area.height);
    // the first lies on top
    for (std::size_t i = curves.size(); i-- > 0;) {
        const Curve& curve = curves[i];
        std::vector<Point> points;
        for (std::size_t k = 0; k < curve.y.size(); ++k)
            points.push_back({x_axis.place(x_of(curve, k)) * area.width,
                              (1 - y_axis.place(curve.y[k])) * area.height});
        if (curve.dots)
            canvas.dots(points, color_of(curves, i), 3.5);
        else
            canvas.line(points, color_of(curves, i), 2.5);
    }
    return canvas;
}

double widest_text(const Axis& axis) {
    double widest = 0;
    for (const auto& tick : axis.ticks())
        widest = std::max(widest, text_width(tick.text, tick_size));
    return std::ceil(widest);
}

}  // namespace

Canvas plot(const std::vector<Curve>& curves, const PlotStyle& style) {
    for (const Curve& curve : curves)
        expect(curve.x.empty() || curve.x.size() == curve.y.size(),
               fmt::format("curve '{}' has {} x and {} y", curve.name, curve.x.size(),
                           curve.y.size()));
    const Axis x_axis = axis_for(curves, x_of, style.x_range, style.log_x, 6);
    const Axis y_axis = axis_for(
        curves, [](const Curve& c, std::size_t i) { return c.y[i]; }, style.y_range, style.log_y,
        5);

    const double line = line_height(tick_size);
    const double left = (style.y_label.empty() ? 0 : line + space) + widest_text(y_axis) + space;
    const double below = std::ceil(6 + line + (style.x_label.empty() ? 0 : line + 4));
    // half of the last number at the right
    const double right = 24;
    const std::vector<Point> legend = legend_places(curves, left, style.width);
    const double top = std::ceil(curves.size() > 1 ? legend.back().y + line / 2 + space : line / 2);
    const Rectangle area{left, top, style.width - left - right, style.height - top - below};
    expect(area.width > 50 && area.height > 50,
           fmt::format("a plot of {}x{} is too small", style.width, style.height));

    Canvas body(style.width, style.height);
    draw_axes(body, x_axis, y_axis, area);
    body.draw(draw_curves(curves, x_axis, y_axis, area), {area.x, area.y});
    if (curves.size() > 1) draw_legend(body, curves, legend);
    body.text({left + area.width / 2, style.height - line / 2}, style.x_label, axis_style);
    TextStyle upwards = axis_style;
    upwards.upwards = true;
    body.text({line / 2, top + area.height / 2}, style.y_label, upwards);
    return figure(style.title, body, style.caption);
}

}  // namespace ldm::figures
