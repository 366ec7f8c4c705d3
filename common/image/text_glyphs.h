#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ldm::image {

/// The small font of stb_easy_font: a line is 12 units high, and every letter is made of boxes.
struct GlyphBox {
    int x, y, width, height;
};

/// from the top of a capital to the bottom of a "g"
inline constexpr int glyph_height = 10;

/// `text` in ASCII, which is all the font has: accents are dropped, typographic quotes and dashes
/// become plain ones, anything else "?".
std::string plain_text(std::string_view text);

std::vector<GlyphBox> glyph_boxes(const std::string& plain);
int glyph_width(const std::string& plain);

}  // namespace ldm::image
