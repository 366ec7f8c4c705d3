#include "common/figures/bar_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/figures/color_map.h"

namespace ldm::figures {

Canvas bar_chart(const std::vector<Bar>& bars, const BarStyle& style) {
    constexpr double space = 10;
    double text_room = 0;
    for (const Bar& bar : bars) text_room = std::max(text_room, text_width(bar.text));
    const double left = style.name_width + space;
    const double room = style.width - left - text_room - space;
    expect(room > 20 && style.most > 0,
           fmt::format("a chart {} pixels wide is too small for its names", style.width));

    const double pitch = style.bar_height + style.gap;
    Canvas canvas(style.width, std::max(1.0, static_cast<double>(bars.size()) * pitch - style.gap));
    double y = 0;
    for (const Bar& bar : bars) {
        const double middle = y + style.bar_height / 2;
        const double length =
            std::max(1.0, std::round(room * std::clamp(bar.value / style.most, 0.0, 1.0)));
        canvas.text({style.name_width, middle}, fit_text(bar.name, style.name_width),
                    {.align = Align::right, .color = bar.marked ? ink : faint});
        canvas.fill({left, y, length, style.bar_height}, curve_color(bar.marked ? 1 : 0));
        canvas.text({left + length + space, middle}, bar.text, {.color = bar.marked ? ink : faint});
        y += pitch;
    }
    return canvas;
}

}  // namespace ldm::figures
