#include "common/image/canvas.h"

#include <algorithm>
#include <cmath>

#include "common/image/color_map.h"
#include "common/image/text_glyphs.h"

namespace ldm::image {
namespace {

/// How much of every pixel a line covers, told from its distance. The largest over all pieces
/// counts, so that joints are not painted twice.
class Coverage {
public:
    Coverage(int width, int height)
        : width_(width),
          height_(height),
          covered_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), 0.0f) {}

    /// A straight piece from a to b with round ends, `width` pixels thick.
    void add(Point a, Point b, float width) {
        if (!std::isfinite(a.x + a.y + b.x + b.y)) return;
        const float reach = width / 2 + 0.5f;
        const float dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
        const auto pixel = [](float value, int size) {
            return static_cast<int>(std::clamp(value, 0.0f, static_cast<float>(size)));
        };
        const int left = pixel(std::min(a.x, b.x) - reach, width_);
        const int right = pixel(std::max(a.x, b.x) + reach + 1, width_);
        const int top = pixel(std::min(a.y, b.y) - reach, height_);
        const int bottom = pixel(std::max(a.y, b.y) + reach + 1, height_);
        for (int y = top; y < bottom; ++y)
            for (int x = left; x < right; ++x) {
                const float px = static_cast<float>(x) + 0.5f - a.x,
                            py = static_cast<float>(y) + 0.5f - a.y;
                const float along =
                    length2 > 0 ? std::clamp((px * dx + py * dy) / length2, 0.0f, 1.0f) : 0;
                const float distance = std::hypot(px - along * dx, py - along * dy);
                covered_[at(x, y)] =
                    std::max(covered_[at(x, y)], std::clamp(reach - distance, 0.0f, 1.0f));
            }
    }

    void paint(Image& image, Color color) const {
        for (int y = 0; y < height_; ++y)
            for (int x = 0; x < width_; ++x)
                if (const float covered = covered_[at(x, y)]; covered > 0)
                    image.set(x, y, mix(image.at(x, y), color, covered));
    }

private:
    std::size_t at(int x, int y) const {
        return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
               static_cast<std::size_t>(x);
    }

    int width_, height_;
    std::vector<float> covered_;
};

}  // namespace

int text_width(std::string_view text, int scale) { return glyph_width(plain_text(text)) * scale; }

int text_height(int scale) { return glyph_height * scale; }

std::string fit_text(std::string_view text, int width, int scale) {
    std::string plain = plain_text(text);
    if (text_width(plain, scale) <= width) return plain;
    while (!plain.empty() && text_width(plain + "...", scale) > width) plain.pop_back();
    while (plain.ends_with(' ')) plain.pop_back();
    return plain + "...";
}

void Canvas::fill(int x, int y, int width, int height, Color color) {
    const int right = std::min(x + width, image_.width),
              bottom = std::min(y + height, image_.height);
    for (int v = std::max(y, 0); v < bottom; ++v)
        for (int u = std::max(x, 0); u < right; ++u) image_.set(u, v, color);
}

void Canvas::frame(int x, int y, int width, int height, Color color) {
    fill(x, y, width, 1, color);
    fill(x, y + height - 1, width, 1, color);
    fill(x, y, 1, height, color);
    fill(x + width - 1, y, 1, height, color);
}

void Canvas::paste(const Image& picture, int x, int y, int zoom) {
    for (int v = 0; v < picture.height; ++v)
        for (int u = 0; u < picture.width; ++u)
            fill(x + u * zoom, y + v * zoom, zoom, zoom, picture.at(u, v));
}

void Canvas::text(int x, int y, std::string_view text, Align align, int scale, Color color) {
    const std::string plain = plain_text(text);
    const int width = glyph_width(plain) * scale;
    x -= align == Align::left ? 0 : align == Align::centre ? width / 2 : width;
    for (const GlyphBox& box : glyph_boxes(plain))
        fill(x + box.x * scale, y + box.y * scale, box.width * scale, box.height * scale, color);
}

void Canvas::curve(const std::vector<Point>& points, Color color, float width) {
    if (points.empty()) return;
    Coverage coverage(image_.width, image_.height);
    for (std::size_t i = 0; i < points.size(); ++i)
        coverage.add(points[i ? i - 1 : 0], points[i], width);
    coverage.paint(image_, color);
}

void Canvas::dots(const std::vector<Point>& points, Color color, float size) {
    Coverage coverage(image_.width, image_.height);
    for (const Point point : points) coverage.add(point, point, size);
    coverage.paint(image_, color);
}

}  // namespace ldm::image
