#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/image/image.h"

namespace ldm::image {

/// titles and labels
inline constexpr Color ink{38, 42, 48};
/// notes, numbers at axes
inline constexpr Color faint{120, 126, 134};
/// frames, grids
inline constexpr Color hairline{222, 225, 229};

enum class Align { left, centre, right };

struct Point {
    float x, y;
};

/// How large a text will be, in pixels. `scale` 2 is a comfortable size, 1 is small print.
int text_width(std::string_view text, int scale = 2);
int text_height(int scale = 2);

/// The longest beginning of `text` that is at most `width` pixels wide, with "..." if it was cut.
std::string fit_text(std::string_view text, int width, int scale = 2);

/// A sheet of paper to draw on; (0, 0) is its upper left corner. Whatever lies outside is cut off.
class Canvas {
public:
    Canvas(int width, int height, Color paper = white) : image_(width, height, paper) {}

    void fill(int x, int y, int width, int height, Color color);
    void frame(int x, int y, int width, int height, Color color = hairline);

    /// Every pixel of `picture` becomes a square of `zoom` pixels: sharp edges, nothing invented.
    void paste(const Image& picture, int x, int y, int zoom = 1);

    /// One line of text; `x` is its left end, middle or right end, `y` its top. Letters with
    /// accents lose them, other characters outside of ASCII become "?".
    void text(int x, int y, std::string_view text, Align align = Align::left, int scale = 2,
              Color color = ink);

    /// A smooth line through the points, `width` pixels thick.
    void curve(const std::vector<Point>& points, Color color, float width = 2);

    /// A round dot at every point, `size` pixels across; where dots overlap they are one.
    void dots(const std::vector<Point>& points, Color color, float size = 3);

    const Image& image() const { return image_; }

private:
    Image image_;
};

}  // namespace ldm::image
