#include "common/text/clip_pieces.h"

#include <unicode/uchar.h>

#include <array>

#include "common/text/unicode_text.h"

namespace ldm::text {
namespace {

enum class Kind { space, letter, digit, other };

Kind kind_of(UChar32 c) {
    const auto mask = U_GET_GC_MASK(c);
    if (mask & U_GC_L_MASK) return Kind::letter;
    if (mask & U_GC_N_MASK) return Kind::digit;
    return u_hasBinaryProperty(c, UCHAR_WHITE_SPACE) ? Kind::space : Kind::other;
}

/// Character by character, as CLIP's tokenizer does it: a Greek sigma does not look at its place in
/// the word. One character, the capital I with a dot, becomes two.
std::u32string lower_case(std::u32string_view text) {
    std::u32string lower;
    for (const char32_t c : text) {
        if (c == 0x130) {
            lower += U"i\u0307";
        } else {
            lower += static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
        }
    }
    return lower;
}

/// Length of the contraction ('s, 're, ...) at the front of `text`, or 0.
std::size_t contraction_length(std::u32string_view text) {
    constexpr std::array<std::u32string_view, 7> contractions = {U"'s", U"'t",  U"'re", U"'ve",
                                                                 U"'m", U"'ll", U"'d"};
    for (const auto contraction : contractions)
        if (text.starts_with(contraction)) return contraction.size();
    return 0;
}

/// Length of the piece at the front of `text`, which does not start with white space.
std::size_t piece_length(std::u32string_view text) {
    if (const std::size_t length = contraction_length(text)) return length;
    const Kind kind = kind_of(static_cast<UChar32>(text[0]));
    std::size_t length = 1;
    if (kind != Kind::digit)
        while (length < text.size() && kind_of(static_cast<UChar32>(text[length])) == kind)
            ++length;
    return length;
}

}  // namespace

std::vector<std::string> clip_pieces(std::string_view text) {
    const std::u32string characters = lower_case(normalized(text, Normalization::composed));
    std::u32string_view rest = characters;
    std::vector<std::string> pieces;
    while (!rest.empty()) {
        std::size_t length = 1;
        if (kind_of(static_cast<UChar32>(rest[0])) != Kind::space) {
            length = piece_length(rest);
            pieces.push_back(to_utf8(rest.substr(0, length)));
        }
        rest.remove_prefix(length);
    }
    return pieces;
}

}  // namespace ldm::text
