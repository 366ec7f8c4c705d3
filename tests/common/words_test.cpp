#include "common/text/words.h"

#include <string>

#include "tests/support/catch.h"

using namespace ldm::text;

TEST_CASE("white space is Unicode's and that of Python") {
    CHECK(trim(" \t\r\n\v\f a b \u00a0\u2003\u3000\u2028") == "a b");
    CHECK(trim("\x1c\x1f x \u0085") == "x");
    CHECK(trim_front(" a ") == "a ");
    CHECK(trim_back(" a ") == " a");
    CHECK(trim(" \u3000").empty());
    CHECK(trim("").empty());
    // a zero-width space is none, nor are bytes that are no text
    CHECK(trim("\u200ba") == "\u200ba");
    CHECK(trim("\xff\x80") == "\xff\x80");
    CHECK(trim("a\x80") == "a\x80");
}

TEST_CASE("a word is found where no letter, number or underscore is beside it") {
    CHECK(find_word("AND", "AND") == 0);
    CHECK(find_word("a AND b", "AND") == 2);
    CHECK(find_word("SAND AND", "AND") == 5);
    CHECK(find_word("ANDAND", "AND") == std::string::npos);
    CHECK(find_word("a AND b AND", "AND", 3) == 8);
    for (const char* text : {"", "and", "AND1", "_AND", "AND_", "\u00e9AND", "AND\u732b"})
        CHECK(find_word(text, "AND") == std::string::npos);
    for (const char* text : {"-AND-", ".AND,", "\u201cAND\u201d",
                             "\xff"
                             "AND\xff"})
        CHECK(find_word(text, "AND") != std::string::npos);
}

TEST_CASE("the word at the front") {
    CHECK(word_at_front("lora:x") == "lora");
    CHECK(word_at_front("a_1 b") == "a_1");
    CHECK(word_at_front("\u732b\u00e9.") == "\u732b\u00e9");
    CHECK(word_at_front("").empty());
    CHECK(word_at_front(" a").empty());
    CHECK(word_at_front("\xff").empty());
}
