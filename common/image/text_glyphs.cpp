#include "common/image/text_glyphs.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_easy_font.h>
#pragma GCC diagnostic pop

#include "common/error.h"

namespace ldm::image {

std::string plain_text(std::string_view text) {
    UErrorCode status = U_ZERO_ERROR;
    const auto* decompose = icu::Normalizer2::getNFKDInstance(status);
    icu::UnicodeString apart;
    if (U_SUCCESS(status))
        decompose->normalize(icu::UnicodeString::fromUTF8(
                                 icu::StringPiece(text.data(), static_cast<int32_t>(text.size()))),
                             apart, status);
    expect(U_SUCCESS(status), u_errorName(status));

    std::string plain;
    for (int32_t i = 0; i < apart.length(); i = apart.moveIndex32(i, 1)) {
        const UChar32 c = apart.char32At(i);
        const auto kind = U_GET_GC_MASK(c);
        if (c >= 0x20 && c < 0x7F) {
            plain += static_cast<char>(c);
        } else if (kind & U_GC_M_MASK) {
            // an accent
            continue;
        } else if (c == 0x2018 || c == 0x2019) {
            plain += '\'';
        } else if (c == 0x201C || c == 0x201D) {
            plain += '"';
        } else if (kind & U_GC_PD_MASK) {
            plain += '-';
        } else {
            plain += u_isUWhiteSpace(c) ? ' ' : '?';
        }
    }
    return plain;
}

std::vector<GlyphBox> glyph_boxes(const std::string& plain) {
    struct Corner {
        float x, y, z;
        unsigned char color[4];
    };
    // A letter needs about 270 bytes, says stb_easy_font; the densest a little more.
    std::vector<Corner> corners(plain.size() * 32 + 64);
    std::string copy = plain;
    const int quads = stb_easy_font_print(0, 0, copy.data(), nullptr, corners.data(),
                                          static_cast<int>(corners.size() * sizeof(Corner)));
    std::vector<GlyphBox> boxes;
    for (int i = 0; i < quads; ++i) {
        const Corner &from = corners[4 * i], &to = corners[4 * i + 2];
        boxes.push_back({static_cast<int>(from.x), static_cast<int>(from.y),
                         static_cast<int>(to.x - from.x), static_cast<int>(to.y - from.y)});
    }
    return boxes;
}

int glyph_width(const std::string& plain) {
    int right = 0;
    for (const GlyphBox& box : glyph_boxes(plain)) right = std::max(right, box.x + box.width);
    return right;
}

}  // namespace ldm::image
