#include "common/text/unicode_text.h"

#include <fmt/format.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::text {
namespace {

/// To normalize sorts marks that follow each other, in time that grows with the square of their
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

std::u32string code_points(const icu::UnicodeString& text) {
    std::u32string points;
    for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1))
        points += static_cast<char32_t>(text.char32At(i));
    return points;
}

}  // namespace

std::u32string normalized(std::string_view text, Normalization form) {
    if (const auto bad = find_invalid_utf8(text); bad != std::string_view::npos)
        throw Error(fmt::format("the text is not valid UTF-8 at byte {}: '{}'", bad,
                                printable(text.substr(bad < 20 ? 0 : bad - 20, 40))));
    if (text.size() > 1 << 28) throw Error("the text is longer than 256 MiB");

    UErrorCode status = U_ZERO_ERROR;
    const auto* normalizer = form == Normalization::composed
                                 ? icu::Normalizer2::getNFCInstance(status)
                                 : icu::Normalizer2::getNFDInstance(status);
    const auto source = icu::UnicodeString::fromUTF8(
        icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
    expect_few_marks(source);
    icu::UnicodeString result;
    if (U_SUCCESS(status)) normalizer->normalize(source, result, status);
    if (U_FAILURE(status)) fail(fmt::format("Unicode normalisation: {}", u_errorName(status)));
    return code_points(result);
}

std::string to_utf8(std::u32string_view text) {
    std::string utf8;
    icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                  static_cast<int32_t>(text.size()))
        .toUTF8String(utf8);
    return utf8;
}

}  // namespace ldm::text
