#include "common/text/unicode_text.h"

#include "common/error.h"
#include "tests/support/catch.h"

using namespace ldm;
using test::has_text;
using text::Normalization;

TEST_CASE("an accent is part of its letter, or stands behind it") {
    // the letter with its accent, and the letter and the accent
    for (const char* text : {"\xc3\xa9", "e\xcc\x81"}) {
        CHECK(text::normalized(text, Normalization::composed) == U"\u00e9");
        CHECK(text::normalized(text, Normalization::decomposed) == U"e\u0301");
    }
    // beyond the first 65,536 code points
    CHECK(text::normalized("\xf0\x9f\x98\xb8", Normalization::composed) == U"\U0001F638");
    CHECK(text::normalized("", Normalization::composed).empty());
    CHECK(text::to_utf8(U"e\u0301\U0001F638") == "e\xcc\x81\xf0\x9f\x98\xb8");
}

TEST_CASE("a text that cannot be normalized is refused") {
    CHECK_THROWS_WITH(text::normalized("ab\xff", Normalization::composed), has_text("at byte 2"));
    std::string marks = "e";
    for (int i = 0; i < 1001; ++i) marks += "\xcc\x81";
    CHECK_THROWS_WITH(text::normalized(marks, Normalization::decomposed),
                      has_text("more than 1000 combining marks"));
}
