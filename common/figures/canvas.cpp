#include "common/figures/canvas.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "common/figures/font.h"
#include "common/figures/recording.h"
#include "common/io/utf8.h"

namespace ldm::figures {
namespace {

void set_color(cairo_t* cairo, Color color) {
    cairo_set_source_rgb(cairo, color.r / 255.0, color.g / 255.0, color.b / 255.0);
}

bool is_finite(const Point& p) { return std::isfinite(p.x) && std::isfinite(p.y); }

/// The pixels as Cairo has them: 0x00RRGGBB.
SurfacePointer surface_of(const image::Image& picture) {
    auto surface =
        own(cairo_image_surface_create(CAIRO_FORMAT_RGB24, picture.width, picture.height));
    expect_success(cairo_surface_status(surface.get()));
    unsigned char* rows = cairo_image_surface_get_data(surface.get());
    const int stride = cairo_image_surface_get_stride(surface.get());
    for (int y = 0; y < picture.height; ++y) {
        auto* row = reinterpret_cast<std::uint32_t*>(rows + std::ptrdiff_t{y} * stride);
        for (int x = 0; x < picture.width; ++x) {
            const Color c = picture.at(x, y);
            row[x] = std::uint32_t{c.r} << 16 | std::uint32_t{c.g} << 8 | c.b;
        }
    }
    cairo_surface_mark_dirty(surface.get());
    return surface;
}

}  // namespace

Canvas::Canvas(double width, double height) : width_(width), height_(height) {
    constexpr double most = 32767;
    expect(
        width >= 1 && width <= most && height >= 1 && height <= most,
        fmt::format("expected a figure of 1 to {} pixels a side, got {}x{}", most, width, height));
    const cairo_rectangle_t extents{0, 0, width, height};
    SurfacePointer surface =
        own(cairo_recording_surface_create(CAIRO_CONTENT_COLOR_ALPHA, &extents));
    ContextPointer context = draw_on(surface);
    recording_ = std::make_unique<Recording>(std::move(surface), std::move(context));
}

Canvas::~Canvas() = default;
Canvas::Canvas(Canvas&&) noexcept = default;
Canvas& Canvas::operator=(Canvas&&) noexcept = default;

void Canvas::fill(const Rectangle& area, Color color) {
    cairo_t* cairo = recording_->cairo();
    set_color(cairo, color);
    cairo_rectangle(cairo, area.x, area.y, area.width, area.height);
    cairo_fill(cairo);
}

void Canvas::frame(const Rectangle& area, Color color, double thickness) {
    cairo_t* cairo = recording_->cairo();
    set_color(cairo, color);
    cairo_set_line_width(cairo, thickness);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_MITER);
    cairo_rectangle(cairo, area.x + thickness / 2, area.y + thickness / 2, area.width - thickness,
                    area.height - thickness);
    cairo_stroke(cairo);
}

void Canvas::line(const std::vector<Point>& points, Color color, double thickness) {
    cairo_t* cairo = recording_->cairo();
    set_color(cairo, color);
    cairo_set_line_width(cairo, thickness);
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    bool connected = false;
    for (const Point& p : points) {
        if (connected && is_finite(p))
            cairo_line_to(cairo, p.x, p.y);
        else if (is_finite(p))
            cairo_move_to(cairo, p.x, p.y);
        connected = is_finite(p);
    }
    cairo_stroke(cairo);
}

void Canvas::dots(const std::vector<Point>& points, Color color, double diameter) {
    cairo_t* cairo = recording_->cairo();
    set_color(cairo, color);
    for (const Point& p : points) {
        if (!is_finite(p)) continue;
        cairo_new_sub_path(cairo);
        cairo_arc(cairo, p.x, p.y, diameter / 2, 0, 2 * std::numbers::pi);
    }
    cairo_fill(cairo);
}

void Canvas::picture(const image::Image& picture, const Rectangle& area) {
    expect(picture.width > 0 && picture.height > 0, "a figure cannot show an empty picture");
    const SurfacePointer surface = surface_of(picture);
    cairo_t* cairo = recording_->cairo();
    cairo_save(cairo);
    cairo_rectangle(cairo, area.x, area.y, area.width, area.height);
    cairo_clip(cairo);
    cairo_translate(cairo, area.x, area.y);
    cairo_scale(cairo, area.width / picture.width, area.height / picture.height);
    cairo_set_source_surface(cairo, surface.get(), 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_NEAREST);
    cairo_paint(cairo);
    cairo_restore(cairo);
}

void Canvas::draw(const Canvas& other, Point corner) {
    cairo_t* cairo = recording_->cairo();
    cairo_save(cairo);
    cairo_rectangle(cairo, corner.x, corner.y, other.width_, other.height_);
    cairo_clip(cairo);
    cairo_set_source_surface(cairo, other.recording_->surface.get(), corner.x, corner.y);
    cairo_paint(cairo);
    cairo_restore(cairo);
}

void Canvas::text(Point at, std::string_view text, const TextStyle& style) {
    constexpr double capital_height = 0.729;
    const double width = text_width(text, style.size);
    const double before = style.align == Align::left     ? 0
                          : style.align == Align::centre ? width / 2
                                                         : width;
    cairo_t* cairo = recording_->cairo();
    cairo_save(cairo);
    set_color(cairo, style.color);
    cairo_set_scaled_font(cairo, scaled_font(style.size).get());
    cairo_translate(cairo, at.x, at.y);
    if (style.upwards) cairo_rotate(cairo, -std::numbers::pi / 2);
    cairo_move_to(cairo, -before, capital_height * style.size / 2);
    cairo_show_text(cairo, text::printable(text, text.npos).c_str());
    cairo_restore(cairo);
}

}  // namespace ldm::figures
