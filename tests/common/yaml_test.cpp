#include "common/io/yaml.h"

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using io::Json;
using test::has_text;

namespace {

Json parsed(const std::string& text) { return io::parse_yaml(text, "test.yaml"); }

}  // namespace

TEST_CASE("scalars of YAML are what they look like, and text in quotes is text") {
    CHECK(parsed("a: 3\nb: -4.5e-05\nc: 1e-4\nd: True\ne: false\nf: ~\ng:\n") ==
          Json{{"a", 3},
               {"b", -4.5e-5},
               {"c", 1e-4},
               {"d", true},
               {"e", false},
               {"f", nullptr},
               {"g", nullptr}});
    CHECK(parsed("a: '3'\nb: \"true\"\nc: __is_first_stage__\nd: 1.2.3\ne: nan\nf: 0x10\n") ==
          Json{{"a", "3"},
               {"b", "true"},
               {"c", "__is_first_stage__"},
               {"d", "1.2.3"},
               {"e", "nan"},
               {"f", "0x10"}});
    CHECK(parsed("a: [1, 2]\nb:\n- x\n- {c: []}\n") ==
          Json{{"a", {1, 2}}, {"b", {"x", {{"c", Json::array()}}}}});
    CHECK(parsed("base: &b {x: 1}\ncopy: *b\n") ==
          Json{{"base", {{"x", 1}}}, {"copy", {{"x", 1}}}});
}

TEST_CASE("YAML that is wrong, or too much, is refused with its line") {
    CHECK_THROWS_WITH(parsed("a: 1\nb: [1, 2\n"), has_text("test.yaml: line 3"));
    CHECK_THROWS_WITH(parsed("a: 1\nb: 2\na: 3\n"), has_text("line 3: the key 'a' is there twice"));
    CHECK_THROWS_WITH(parsed("? [1, 2]\n: 3\n"), has_text("a key must be text"));
    CHECK_THROWS_WITH(parsed("a: *unknown\n"), has_text("test.yaml: line 1"));
    CHECK_THROWS_WITH(parsed("a: \xff\n"), has_text("not valid UTF-8"));
    CHECK_THROWS_WITH(parsed(std::string("a\0b", 3)), has_text("NUL"));
    CHECK_THROWS_WITH(parsed("a: \"\\ud800\""), has_text("UTF-8") || has_text("unicode"));
    // what is shown fits one line
    CHECK_THROWS_WITH(parsed("\"\\\x01\""), has_text("\\x01"));
    CHECK_THROWS_WITH(parsed(std::string(io::largest_yaml + 1, ' ')), has_text("bytes"));
    CHECK_THROWS_WITH(parsed(std::string(80, '[') + std::string(80, ']')), has_text("64 levels"));
    // each line has ten times as many values as the one before
    std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 9; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
        for (int j = 1; j < 10; ++j) laughs += ", " + before;
        laughs += "]\n";
    }
    CHECK_THROWS_WITH(parsed(laughs), has_text("more than 100000 values"));

    const test::TemporaryFolder folder;
    io::write_text_file(folder / "a.yaml", "a: 1\n");
    CHECK(io::read_yaml(folder / "a.yaml") == Json{{"a", 1}});
    CHECK_THROWS_AS(io::read_yaml(folder / "b.yaml"), Error);
}
