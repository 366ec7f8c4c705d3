#include "common/io/utf8.h"

#include "tests/support/catch.h"

using namespace ldm::text;
using namespace std::string_literals;

TEST_CASE("UTF-8: well-formed text is accepted") {
    for (const std::string& good :
         {""s, "plain"s, "\0"s, "\u00E9\u20AC\U0001F600"s, "\x7F"s, "\xC2\x80"s, "\xED\x9F\xBF"s,
          "\xEE\x80\x80"s, "\xF4\x8F\xBF\xBF"s})
        CHECK(is_valid_utf8(good));
}

TEST_CASE("UTF-8: malformed text is found where it begins") {
    for (const std::string& bad :
         {"\x80"s, "\xC0\x80"s, "\xC1\xBF"s, "\xC3"s, "\xE2\x82"s, "\xE0\x9F\xBF"s, "\xED\xA0\x80"s,
          "\xF0\x8F\xBF\xBF"s, "\xF4\x90\x80\x80"s, "\xF5\x80\x80\x80"s, "\xFF"s, "\xF0\x9F\x98"s,
          "\xC3\x28"s, "\xE2\x28\xA1"s}) {
        CHECK(find_invalid_utf8("ab" + bad) == 2);
        CHECK(find_invalid_utf8("\u00E9" + bad + "cd") == 2);
    }
}

TEST_CASE("printable: fits on one line of a message") {
    CHECK(printable("a\nb\tc\x01\xFF\u00E9") == "a\\nb\\tc\\x01\\xFF\u00E9");
    CHECK(printable("0123456789", 4) == "0123...");
    CHECK(printable("0123", 4) == "0123");
}

TEST_CASE("printable: a message of several lines keeps them, and obeys nobody else") {
    CHECK(printable("a\nb") == "a\\nb");
    CHECK(printable_lines("a\nb\x1B[2J\xC2\x9B"
                          "c\xFF") == "a\nb\\x1B[2J\\xC2\\x9Bc\\xFF");
    CHECK(printable_lines("\u00E9 \u20AC") == "\u00E9 \u20AC");
    CHECK(printable_lines(std::string(50'000'000, 'x')).size() < 20'000);
}
