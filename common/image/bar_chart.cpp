#include "common/image/bar_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/image/canvas.h"
#include "common/image/color_map.h"

namespace ldm::image {

Image bar_chart(const std::vector<Bar>& bars, const std::string& title, int marked, int width) {
    constexpr int margin = 32, space = 12, bar_height = 22;
    int name_width = 0;
    float largest = 0;
    for (const auto& [name, value] : bars) {
        name_width = std::max(name_width, text_width(name));
        largest = std::max(largest, value);
    }
    name_width = std::min(name_width, width / 2);
    const int top = margin + (title.empty() ? 0 : text_height(3) + 2 * space);
    const int left = margin + name_width + space,
              right = width - margin - text_width("0.000") - space;
    expect(right - left > 50,
           fmt::format("a chart {} pixels wide is too small for its names", width));

    const int count = static_cast<int>(bars.size());
    Canvas canvas(width, top + count * (bar_height + space) - space + margin);
    canvas.text(margin, margin, title, Align::left, 3);
    for (int i = 0; i < count; ++i) {
        const auto& [name, value] = bars[static_cast<std::size_t>(i)];
        const int y = top + i * (bar_height + space), text_y = y + (bar_height - 16) / 2;
        const float share = largest > 0 ? std::max(0.0f, value / largest) : 0;
        const int length =
            std::max(2, static_cast<int>(std::lround(share * static_cast<float>(right - left))));
        canvas.text(left - space, text_y, fit_text(name, name_width), Align::right);
        canvas.fill(left, y, length, bar_height, i == marked ? curve_color(1) : curve_color(0));
        canvas.text(left + length + space, text_y, fmt::format("{:.3f}", value), Align::left, 2,
                    faint);
    }
    return canvas.image();
}

}  // namespace ldm::image
