#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/figures/text.h"
#include "common/image/image.h"

/// Cairo's, which only this room knows.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name is Cairo's
typedef struct _cairo_surface cairo_surface_t;

namespace ldm::figures {

using image::Color;

/// titles and labels
inline constexpr Color ink{38, 42, 48};
/// captions, numbers at axes
inline constexpr Color faint{96, 102, 110};
/// frames, grids
inline constexpr Color hairline{222, 225, 229};

struct Point {
    double x, y;
};

struct Rectangle {
    double x, y, width, height;
};

enum class Align { left, centre, right };

struct TextStyle {
    Align align = Align::left;
    double size = text_size;
    Color color = ink;
    /// turned by 90 degrees, read from below
    bool upwards = false;
};

/// What is drawn, in pixels from the upper left corner, on a sheet without a colour of its own. It
/// is kept as Cairo's list of strokes, not as pixels: it can stand inside of another canvas, and
/// becomes a PNG or an SVG file of the same look. Whatever lies outside is cut off.
class Canvas {
public:
    /// Throws ldm::Error for a size that is not positive, or more than 32767 pixels.
    Canvas(double width, double height);
    ~Canvas();
    Canvas(Canvas&&) noexcept;
    Canvas& operator=(Canvas&&) noexcept;

    double width() const { return width_; }
    double height() const { return height_; }

    /// What the figure shows, for who reads a file and does not see it.
    void set_title(std::string title) { title_ = std::move(title); }

    void fill(const Rectangle& area, Color color);
    /// The border of `area`, inside of it.
    void frame(const Rectangle& area, Color color = hairline, double thickness = 1);

    /// A line through the points; it has a gap where one of them is not finite.
    void line(const std::vector<Point>& points, Color color, double thickness = 2);
    /// A round dot at every point that is finite.
    void dots(const std::vector<Point>& points, Color color, double diameter = 3);

    /// `picture` stretched over `area`: a pixel becomes a block with sharp edges.
    void picture(const image::Image& picture, const Rectangle& area);
    /// All of another canvas, its upper left corner at `corner`.
    void draw(const Canvas& other, Point corner);

    /// One line of text. `at` is its left end, middle or right end, halfway up its capitals.
    void text(Point at, std::string_view text, const TextStyle& style = {});

    /// The canvas on white paper.
    [[nodiscard]] image::Image pixels() const;
    [[nodiscard]] std::string png() const;
    [[nodiscard]] std::string svg() const;

    /// Writes the file, complete or not at all, as its extension says: ".png" or ".svg". Throws
    /// ldm::Error for another one, and where it cannot be written.
    void save(const std::filesystem::path& path) const;

private:
    struct Recording;
    /// Everything again, on white paper.
    void replay(cairo_surface_t* paper) const;

    double width_, height_;
    std::string title_;
    std::unique_ptr<Recording> recording_;
};

}  // namespace ldm::figures
