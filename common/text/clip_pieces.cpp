#include "common/text/clip_pieces.h"

#include <fmt/format.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <array>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::text {
namespace {

enum class Kind { space, letter, digit, other };

Kind kind_of(UChar32 c) {
    const auto mask = U_GET_GC_MASK(c);
    if (mask & U_GC_L_MASK) return Kind::letter;
    if (mask & U_GC_N_MASK) return Kind::digit;
    return u_hasBinaryProperty(c, UCHAR_WHITE_SPACE) ? Kind::space : Kind::other;
}

/// Composing sorts marks that follow each other, in time that grows with the square of their
/// number: a megabyte of accents on one letter would take minutes.
void expect_few_marks(const icu::UnicodeString& text) {
    constexpr int most_marks = 1000;
    int marks = 0;
    for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
        marks = u_getCombiningClass(text.char32At(i)) == 0 ? 0 : marks + 1;
        if (marks > most_marks)
            throw Error(
                fmt::format("the text has more than {} combining marks in a row", most_marks));
    }
}

icu::UnicodeString compose(std::string_view text) {
    UErrorCode status = U_ZERO_ERROR;
    const auto* nfc = icu::Normalizer2::getNFCInstance(status);
    const auto source = icu::UnicodeString::fromUTF8(
        icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
    expect_few_marks(source);
    icu::UnicodeString composed;
    if (U_SUCCESS(status)) nfc->normalize(source, composed, status);
    if (U_FAILURE(status)) fail(fmt::format("Unicode normalisation: {}", u_errorName(status)));
    return composed;
}

/// Character by character, as CLIP's tokenizer does it: a Greek sigma does not look at its place in
/// the word. One character, the capital I with a dot, becomes two.
std::u32string lower_case(const icu::UnicodeString& text) {
    std::u32string lower;
    for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
        const UChar32 c = text.char32At(i);
        if (c == 0x130) {
            lower += U"i\u0307";
        } else {
            lower += static_cast<char32_t>(u_tolower(c));
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

std::string to_utf8(std::u32string_view text) {
    std::string utf8;
    icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                  static_cast<int32_t>(text.size()))
        .toUTF8String(utf8);
    return utf8;
}

}  // namespace

std::vector<std::string> clip_pieces(std::string_view text) {
    if (const auto bad = find_invalid_utf8(text); bad != std::string_view::npos)
        throw Error(fmt::format("the text is not valid UTF-8 at byte {}: '{}'", bad,
                                printable(text.substr(bad < 20 ? 0 : bad - 20, 40))));
    if (text.size() > 1 << 28) throw Error("the text is longer than 256 MiB");

    const std::u32string characters = lower_case(compose(text));
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
