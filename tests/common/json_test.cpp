#include "common/io/json.h"

#include <algorithm>
#include <ctime>
#include <string>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::io;
using ldm::test::has_text;

TEST_CASE("JSON: what is written is read back") {
    test::TemporaryFolder folder;
    const Json json = {{"name", "emoji"}, {"sizes", {1, 2, 3}}, {"nested", {{"a", 0.25}}}};
    write_json(folder / "a.json", json);
    CHECK(read_json(folder / "a.json") == json);
}

TEST_CASE("JSON: trouble is one line with the file's name") {
    test::TemporaryFolder folder;
    for (const char* text :
         {"", "{", "{\"a\": 1,}", "{\"a\": \"\xFF\"}", "[1, 2\n\n, x]", "1e999"}) {
        write_text_file(folder / "bad.json", text);
        try {
            static_cast<void>(read_json(folder / "bad.json"));
            FAIL("accepted: " << text);
        } catch (const Error& error) {
            const std::string message = error.what();
            CHECK_THAT(message, has_text("bad.json: not valid JSON: "));
            CHECK(message.find('\n') == std::string::npos);
        }
    }
}

TEST_CASE("JSON: a key that occurs twice is an error, in nested objects too") {
    CHECK_THROWS_WITH(parse_json(R"({"a": 1, "b": 2, "a": 3})", "x"), "x: duplicate key 'a'");
    CHECK_THROWS_WITH(parse_json(R"({"o": [{"q": {"k": 1, "k": 1}}]})", "x"),
                      "x: duplicate key 'k'");
    CHECK_NOTHROW(parse_json(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]})", "x"));
}

TEST_CASE("JSON: settings are read with their types") {
    const Json j = Json::parse(R"({"i": 3, "whole": 4.0, "f": 2.5, "b": true, "s": "x",
                                   "list": [1, 2], "null": null, "big": 5000000000})");
    CHECK(get<int>(j, "i") == 3);
    CHECK(get<int>(j, "whole") == 4);
    CHECK(get<float>(j, "i") == 3.0f);
    CHECK(get<bool>(j, "b"));
    CHECK(get<std::vector<int>>(j, "list") == std::vector<int>{1, 2});
    CHECK(get<std::int64_t>(j, "big") == 5000000000);
    CHECK(get_or(j, "absent", 7) == 7);
    CHECK(get_or(j, "null", 7) == 7);
    CHECK(get_or(j, "s", "y") == "x");

    CHECK_THROWS_WITH(get<int>(j, "absent"), has_text("missing key 'absent'"));
    CHECK_THROWS_WITH(get<int>(j, "f"), has_text("wrong value for key 'f': 2.5"));
    CHECK_THROWS_WITH(get<int>(j, "b"), has_text("'b': true"));
    CHECK_THROWS_WITH(get<int>(j, "big"), has_text("'big'"));
    CHECK_THROWS_WITH(get<bool>(j, "i"), has_text("'i': 3"));
    CHECK_THROWS_WITH(get_or(j, "s", 1.0), has_text("'s': \"x\""));
    CHECK_THROWS_WITH(get<std::vector<int>>(j, "s"), has_text("'s'"));
    CHECK_THROWS_WITH(get<int>(Json(3), "k"), has_text("expected a JSON object"));
}

TEST_CASE("JSON: what is nested deeper than 64 brackets is an error, not the end of the program") {
    const auto nested = [](int depth, const std::string& open, const std::string& close) {
        std::string text;
        for (int i = 0; i < depth; ++i) text += open;
        for (int i = 0; i < depth; ++i) text += close;
        return text;
    };
    CHECK_NOTHROW(parse_json(nested(64, "[", "]"), "x"));
    CHECK_NOTHROW(parse_json("{\"a\":[" + nested(62, "[", "]") + ",{}]}", "x"));
    CHECK_THROWS_WITH(parse_json(nested(65, "[", "]"), "x"),
                      "x: more than 64 brackets within each other");
    CHECK_THROWS_WITH(parse_json(nested(200'000, "[", ""), "x"), has_text("more than 64"));
    CHECK_THROWS_WITH(parse_json(nested(200'000, R"({"a":)", "}"), "x"), has_text("more than 64"));
}

TEST_CASE("JSON: a text of more than 100 million bytes is not read") {
    CHECK_THROWS_WITH(parse_json(std::string(100'000'001, ' '), "x"),
                      "x: 100000001 bytes of JSON, at most 100000000 are read");
}

TEST_CASE("JSON: the parsed value is the library's own") {
    for (const char* text :
         {"null", "true", "-3", "18446744073709551615", "0.1", "\"\\u00e9\"", "[]", "{}", "[[],{}]",
          R"({"a": [1, {"b": [2, 3], "c": {}}, "x"], "d": {"e": null}, "f": -1.5e10})"})
        CHECK(parse_json(text, "x") == Json::parse(text));
}

TEST_CASE("JSON: the time grows with the text, not with its square") {
    const auto seconds = [](int members) {
        std::string text = "{";
        for (int i = 0; i < members; ++i)
            text +=
                std::to_string(i).insert(0, i ? ",\"tensor." : "\"tensor.") + R"(":{"a":[1,2]})";
        text += "}";
        // of the processor: the machine may be busy with other things
        const std::clock_t start = std::clock();
        CHECK(parse_json(text, "x").size() == static_cast<std::size_t>(members));
        return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    };
    // with the square it would be 100 times as long, and some 70 seconds
    CHECK(seconds(40'000) < 30 * std::max(seconds(4'000), 0.01));
}

TEST_CASE("JSON: numbers within limits") {
    const Json j = {{"n", 3}, {"list", {1, 2, 3}}, {"null", nullptr}, {"text", "x"}};
    CHECK(get_in(j, "n", 1, 3) == 3);
    CHECK(get_in_or(j, "absent", 1, 3, 7) == 7);
    CHECK(get_in_or(j, "null", 1, 3, 7) == 7);
    CHECK(get_list_in(j, "list", 1, 3, 3) == std::vector<int>{1, 2, 3});
    CHECK(has(j, "n"));
    CHECK_FALSE(has(j, "null"));
    CHECK_FALSE(has(j, "absent"));
    CHECK_THROWS_WITH(get_in(j, "n", 4, 9), "'n' must be from 4 to 9, got 3");
    CHECK_THROWS_WITH(get_in(j, "n", 1, 2), "'n' must be from 1 to 2, got 3");
    CHECK_THROWS_WITH(get_in(j, "absent", 1, 2), "missing key 'absent'");
    CHECK_THROWS_WITH(get_in(j, "text", 1, 2), has_text("wrong value for key 'text'"));
    CHECK_THROWS_WITH(get_list_in(j, "list", 2, 3, 3), "'list' must be from 2 to 3, got 1");
    CHECK_THROWS_WITH(get_list_in(j, "list", 1, 3, 2), "'list' must have at most 2 entries, got 3");
}

TEST_CASE("JSON: an unknown setting is named") {
    const Json j = {{"steps", 3}, {"stpes", 4}};
    CHECK_NOTHROW(expect_only_keys(j, {"steps", "stpes"}, "sampler"));
    CHECK_THROWS_WITH(expect_only_keys(j, {"steps"}, "sampler"), "sampler: unknown key 'stpes'");
    CHECK_THROWS_WITH(expect_only_keys(Json(1), {"steps"}, "sampler"),
                      has_text("expected a JSON object"));
}
