#include "common/figures/figure.h"

#include <algorithm>
#include <cmath>

namespace ldm::figures {

Canvas figure(const std::string& title, const Canvas& body, const std::string& caption) {
    constexpr double space = 18, caption_size = 14;
    const double margin = title.empty() && caption.empty() ? 0 : 28;
    const double width = std::ceil(
        2 * margin + std::max(body.width(), title.empty() ? 0 : text_width(title, title_size)));
    const auto lines = wrap_text(caption, width - 2 * margin, caption_size);
    const double top = margin + (title.empty() ? 0 : line_height(title_size) + space);
    const double foot =
        lines.empty() ? 0 : space + static_cast<double>(lines.size()) * line_height(caption_size);

    Canvas canvas(width, std::ceil(top) + body.height() + std::ceil(foot) + margin);
    canvas.set_title(title);
    canvas.text({margin, margin + line_height(title_size) / 2}, title, {.size = title_size});
    canvas.draw(body, {margin, std::ceil(top)});
    double y = std::ceil(top) + body.height() + space + line_height(caption_size) / 2;
    for (const std::string& line : lines) {
        canvas.text({margin, y}, line, {.size = caption_size, .color = faint});
        y += line_height(caption_size);
    }
    return canvas;
}

}  // namespace ldm::figures
