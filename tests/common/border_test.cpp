#include "common/image/border.h"

#include <string>

#include "tests/support/catch.h"

using namespace ldm::image;

TEST_CASE("what stands beyond the edges of a picture") {
    const auto row = [](const std::string& pixels, Border border) {
        std::string seen;
        for (int i = -5; i < 9; ++i)
            seen += pixels[border_index(i, static_cast<std::int64_t>(pixels.size()), border)];
        return seen;
    };
    CHECK(row("abcd", Border::mirror) ==
          "bcdcb"
          "abcd"
          "cbabc");
    CHECK(row("abcd", Border::symmetric) ==
          "ddcba"
          "abcd"
          "dcbaa");
    CHECK(row("abcd", Border::repeat) ==
          "aaaaa"
          "abcd"
          "ddddd");
    CHECK(row("abcd", Border::wrap) ==
          "dabcd"
          "abcd"
          "abcda");
    for (const Border border : {Border::mirror, Border::symmetric, Border::repeat, Border::wrap})
        CHECK(row("a", border) == "aaaaaaaaaaaaaa");
}
