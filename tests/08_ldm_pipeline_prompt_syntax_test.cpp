// What the characters of a prompt mean. The tables are what modules/prompt_parser.py of
// AUTOMATIC1111's web UI (1.10) gives for these prompts, the examples of its docstrings among them.

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "chapters/08_ldm_pipeline/prompt/attention_weights.h"
#include "chapters/08_ldm_pipeline/prompt/composition.h"
#include "chapters/08_ldm_pipeline/prompt/extra_networks.h"
#include "chapters/08_ldm_pipeline/prompt/numbers.h"
#include "chapters/08_ldm_pipeline/prompt/prompt_schedule.h"
#include "common/error.h"
#include "tests/support/catch.h"

using namespace ldm;
using namespace ldm::pipeline;
using ldm::test::has_text;

namespace {

std::string repeated(const std::string& text, int times) {
    std::string result;
    for (int i = 0; i < times; ++i) result += text;
    return result;
}

}  // namespace

TEST_CASE("the weights of words are those of the published parser") {
    const std::vector<std::pair<std::string, std::vector<WeightedText>>> table = {
        {"", {{"", 1.0}}},
        {"normal text", {{"normal text", 1.0}}},
        {"an (important) word", {{"an ", 1.0}, {"important", 1.1}, {" word", 1.0}}},
        {"(unbalanced", {{"unbalanced", 1.1}}},
        {"\\(literal\\]", {{"(literal]", 1.0}}},
        {"(unnecessary)(parens)", {{"unnecessaryparens", 1.1}}},
        {"a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
         {{"a ", 1.0},
          {"house", 1.5730000000000004},
          {" ", 1.1},
          {"on", 1.0},
          {" a ", 1.1},
          {"hill", 0.55},
          {", sun, ", 1.1},
          {"sky", 1.4641000000000006},
          {".", 1.1}}},
        {"[less]", {{"less", 0.9090909090909091}}},
        {"[[much less]]", {{"much less", 0.8264462809917354}}},
        {"((a) b)", {{"a", 1.2100000000000002}, {" b", 1.1}}},
        {"[(a)]", {{"a", 1.0}}},
        {"(a:1.5)(b:1.5)", {{"ab", 1.5}}},
        {"closed) twice]", {{"closed) twice]", 1.0}}},
        {"(a]", {{"a]", 1.1}}},
        {"[a)", {{"a)", 0.9090909090909091}}},
        {"[open", {{"open", 0.9090909090909091}}},
        {"((open [both", {{"open ", 1.2100000000000002}, {"both", 1.1}}},
        {")(", {{")", 1.0}}},
        {"(a:1.2", {{"a:1.2", 1.1}}},
        {"a:1.2)", {{"a:1.2)", 1.0}}},
        {"(a: 1.2 )", {{"a", 1.2}}},
        {"(a:-0.5)", {{"a", -0.5}}},
        {"(a:+2)", {{"a", 2.0}}},
        {"(a:.5)", {{"a", 0.5}}},
        {"(a:1.)", {{"a", 1.0}}},
        {"(a:1e3)", {{"a:1e3", 1.1}}},
        {"(a:b)", {{"a:b", 1.1}}},
        {"(a:)", {{"a:", 1.1}}},
        {"(a::1.2)", {{"a:", 1.2}}},
        {"(a:1.2:1.3)", {{"a:1.2", 1.3}}},
        {"(:1.2)", {{"", 1.0}}},
        {"()", {{"", 1.0}}},
        {"(())a", {{"a", 1.0}}},
        {"\\", {{"", 1.0}}},
        {"a\\b", {{"ab", 1.0}}},
        {"\\\\(a)", {{"\\", 1.0}, {"a", 1.1}}},
        {"\\:", {{":", 1.0}}},
        {"a\\", {{"a", 1.0}}},
        {"(a\\):1.2)", {{"a)", 1.2}}},
        {"woman: red (hat)", {{"woman: red ", 1.0}, {"hat", 1.1}}},
        {"a BREAK b", {{"a", 1.0}, {"BREAK", -1.0}, {"b", 1.0}}},
        {"aBREAK b", {{"aBREAK b", 1.0}}},
        {"BREAK", {{"", 1.0}, {"BREAK", -1.0}, {"", 1.0}}},
        {"a BREAK BREAK b", {{"a", 1.0}, {"BREAK", -1.0}, {"", 1.0}, {"BREAK", -1.0}, {"b", 1.0}}},
        {"a  BREAK\n b", {{"a", 1.0}, {"BREAK", -1.0}, {"b", 1.0}}},
        {"(a BREAK b)", {{"a", 1.1}, {"BREAK", -1.1}, {"b", 1.1}}},
        {"(a BREAK b:0.5)", {{"a", 0.5}, {"BREAK", -0.5}, {"b", 0.5}}},
        {"BREAK_a", {{"BREAK_a", 1.0}}},
        {"a:BREAK:b", {{"a:", 1.0}, {"BREAK", -1.0}, {":b", 1.0}}},
        {"break", {{"break", 1.0}}},
        {"(a BREAK", {{"a", 1.1}, {"BREAK", -1.1}, {"", 1.1}}},
        {"\u00c9BREAK a", {{"\u00c9BREAK a", 1.0}}},
        {"\u201cBREAK\u201d", {{"\u201c", 1.0}, {"BREAK", -1.0}, {"\u201d", 1.0}}},
        {"x\u3000BREAK\u00a0y", {{"x", 1.0}, {"BREAK", -1.0}, {"y", 1.0}}},
        {"(caf\u00e9:1.1) \u732b", {{"caf\u00e9", 1.1}, {" \u732b", 1.0}}},
        {"(a:\u30001.2)", {{"a", 1.2}}},
        {":)", {{":)", 1.0}}},
        {":(", {{":", 1.0}}},
        {"x (a:1.2", {{"x ", 1.0}, {"a:1.2", 1.1}}},
        {"[a:b:0.5]", {{"a:b:0.5", 0.9090909090909091}}},
        {"[a|b]", {{"a|b", 0.9090909090909091}}},
        {"((a:2):3)", {{"a", 6.0}}},
        {"(a (b:2) c:3) d", {{"a ", 3.0}, {"b", 6.0}, {" c", 3.0}, {" d", 1.0}}},
        {"(a:-1) b (c:-1)", {{"a", -1.0}, {" b ", 1.0}, {"c", -1.0}}},
    };
    for (const auto& [prompt, expected] : table) {
        INFO(prompt);
        CHECK(parse_attention(prompt) == expected);
    }
}

TEST_CASE("only BREAK with the weight that upstream gives it ends a chunk") {
    const auto breaks = [](const std::string& prompt) {
        int count = 0;
        for (const WeightedText& piece : parse_attention(prompt)) count += piece.is_break();
        return count;
    };
    CHECK(breaks("a BREAK b BREAK c") == 2);
    CHECK(breaks("(a BREAK b)") == 0);
    CHECK(breaks("breaking news") == 0);
}

TEST_CASE("weights that are no numbers, or are too large, are refused in a sentence") {
    CHECK_THROWS_WITH(parse_attention("(a:1.2.3)"), has_text("\"1.2.3\"") && has_text("(cat:1.2)"));
    CHECK_THROWS_WITH(parse_attention("(a:.)"), has_text("no number"));
    CHECK_THROWS_WITH(parse_attention("(a:" + repeated("9", 400) + ")"), has_text("weight inf"));
    CHECK_THROWS_WITH(parse_attention("(cat:-1000001)"), has_text("\"cat\""));
    CHECK_THROWS_WITH(parse_attention(repeated("(", 200) + "cat"), has_text("weight"));
    CHECK(parse_attention("(a:1000000)").front().weight == 1e6);
    // where it weighs nothing, it is text
    CHECK(parse_attention("1.2.3:1.2.3)").front().text == "1.2.3:1.2.3)");
}

TEST_CASE("brackets may be many, but not within each other without end") {
    const int many = 100'000;
    CHECK_THROWS_WITH(parse_attention(repeated("(", many)), has_text("1000 brackets"));
    CHECK_THROWS_WITH(parse_attention(repeated("[", many) + "a" + repeated("]", many)),
                      has_text("1000 brackets"));
    CHECK(parse_attention(repeated(")", many)).front().text.size() == many);
    CHECK(parse_attention(repeated("(a)", many)).size() == 1);
    CHECK(parse_attention(repeated("\\(", many)).front().text == repeated("(", many));
    CHECK(parse_attention(repeated("(", 100) + "a" + repeated(")", 100)).size() == 1);
}

TEST_CASE("prompts that change are those of the published parser") {
    using Schedule = std::vector<ScheduledText>;
    const std::vector<std::pair<std::string, Schedule>> ten_steps = {
        {"", {{10, ""}}},
        {"test", {{10, "test"}}},
        {"a [b:3]", {{3, "a "}, {10, "a b"}}},
        {"a [b: 3]", {{3, "a "}, {10, "a b"}}},
        {"a [b:3 ]", {{3, "a "}, {10, "a b"}}},
        {"a [[[b]]:2]", {{2, "a "}, {10, "a [[b]]"}}},
        {"[(a:2):3]", {{3, ""}, {10, "(a:2)"}}},
        {"a [b : c : 1] d", {{1, "a b  d"}, {10, "a  c  d"}}},
        {"a[b:[c:d:2]:1]e", {{1, "abe"}, {2, "ace"}, {10, "ade"}}},
        {"a [unbalanced", {{10, "a [unbalanced"}}},
        {"a [b:.5] c", {{5, "a  c"}, {10, "a b c"}}},
        {"a [{b|d{:.5] c", {{10, "a [{b|d{:.5] c"}}},
        {"((a][:b:c [d:3]", {{3, "((a][:b:c "}, {10, "((a][:b:c d"}}},
        {"[a::3]", {{3, "a"}, {10, ""}}},
        {"[::3]", {{3, ""}, {10, ""}}},
        {"[:3]", {{3, ""}, {10, ""}}},
        {"[:a:3]", {{3, ""}, {10, "a"}}},
        {"[3]", {{10, "[3]"}}},
        {"[a:3", {{10, "[a:3"}}},
        {"[a:b:x]", {{10, "[a:b:x]"}}},
        {"[a:b:1e1]", {{10, "a"}}},
        {"[a:b:5e-1]", {{10, "b"}}},
        {"[a:b:0]", {{10, "b"}}},
        {"[a:b:0.0]", {{10, "b"}}},
        {"[a:b:1.0]", {{10, "a"}}},
        {"[a:b:1.5]", {{10, "a"}}},
        {"[a:b:-3]", {{10, "b"}}},
        {"[a:b:99]", {{10, "a"}}},
        {"[a:b:+2]", {{2, "a"}, {10, "b"}}},
        {"[a:b:c:3]", {{10, "[a:b:c:3]"}}},
        {"[a:b]", {{10, "[a:b]"}}},
        {"[a (b:c:2]", {{10, "[a (b:c:2]"}}},
        {"(a:b:c)", {{10, "(a:b:c)"}}},
        {"(a [b:c:2]:1.2) d", {{2, "(a b:1.2) d"}, {10, "(a c:1.2) d"}}},
        {"[x [a:b:3]", {{3, "[x a"}, {10, "[x b"}}},
        {"[x:[a:b:3]", {{3, "[x:a"}, {10, "[x:b"}}},
        {"(a|b) [c:3]", {{10, "(a|b) [c:3]"}}},
        {"a | b", {{10, "a | b"}}},
        {"a\\", {{10, "a\\"}}},
        {"a\\\n[b:3]", {{10, "a\\\n[b:3]"}}},
        {"[a\\:b:c:3]", {{3, "a\\:b"}, {10, "c"}}},
        {"[a\\]b:c:3]", {{3, "a\\]b"}, {10, "c"}}},
        {"\\[a:b:3]", {{10, "\\[a:b:3]"}}},
        {"[a:b:0.33]", {{3, "a"}, {10, "b"}}},
        {"[a:b:\u30003]", {{3, "a"}, {10, "b"}}},
        {"[a:b:3 4]", {{10, "[a:b:3 4]"}}},
        {"[[a:b:2]:c:4]", {{2, "a"}, {4, "b"}, {10, "c"}}},
        {"[a:(b) [c]:2]", {{2, "a"}, {10, "(b) [c]"}}},
        {"x: [a:b:3], y", {{3, "x: a, y"}, {10, "x: b, y"}}},
        {"[a:b:3]]", {{3, "a]"}, {10, "b]"}}},
        {"[a:b:.]", {{10, "[a:b:.]"}}},
        {"[a:b:1.2.3]", {{10, "[a:b:1.2.3]"}}},
    };
    for (const auto& [prompt, expected] : ten_steps) {
        INFO(prompt);
        CHECK(parse_schedule(prompt, 10) == expected);
    }
    const std::vector<std::pair<std::string, Schedule>> four_steps = {
        {"[a|(b:1.1)]", {{1, "a"}, {2, "(b:1.1)"}, {3, "a"}, {4, "(b:1.1)"}}},
        {"[fe|]male", {{1, "female"}, {2, "male"}, {3, "female"}, {4, "male"}}},
        {"[fe|||]male", {{1, "female"}, {2, "male"}, {3, "male"}, {4, "male"}}},
        {"[|a]", {{1, ""}, {2, "a"}, {3, ""}, {4, "a"}}},
        {"[a|[b:c:2]]", {{1, "a"}, {2, "b"}, {3, "a"}, {4, "c"}}},
        {"[a:[b|c]:2]", {{1, "a"}, {2, "a"}, {3, "b"}, {4, "c"}}},
        {"[a|b|c][d:1]", {{1, "a"}, {2, "bd"}, {3, "cd"}, {4, "ad"}}},
        {"[a|b:3]", {{4, "[a|b:3]"}}},
        {"[a|b]|", {{4, "[a|b]|"}}},
        {"[a|b\\|c]", {{1, "a"}, {2, "b\\|c"}, {3, "a"}, {4, "b\\|c"}}},
        {"[[a|b]|c]", {{1, "a"}, {2, "c"}, {3, "a"}, {4, "c"}}},
    };
    for (const auto& [prompt, expected] : four_steps) {
        INFO(prompt);
        CHECK(parse_schedule(prompt, 4) == expected);
    }
}

TEST_CASE("the example in front of the published parser") {
    CHECK(
        parse_schedule("fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas "
                       "tree:0.75][ in foreground::0.6][ in background:0.25] "
                       "[shoddy:masterful:0.5]",
                       100) ==
        std::vector<ScheduledText>{
            {25, "fantasy landscape with a mountain and an oak in foreground shoddy"},
            {50, "fantasy landscape with a lake and an oak in foreground in background shoddy"},
            {60, "fantasy landscape with a lake and an oak in foreground in background masterful"},
            {75, "fantasy landscape with a lake and an oak in background masterful"},
            {100, "fantasy landscape with a lake and a christmas tree in background masterful"}});
}

TEST_CASE("instructions as deep as anybody likes, and steps beyond every number") {
    const int deep = 10'000;
    const auto nested = parse_schedule(repeated("[", deep) + "a" + repeated(":b:2]", deep), 4);
    CHECK(nested == std::vector<ScheduledText>{{2, "a"}, {4, "b"}});
    const std::string open = repeated("[(", 100'000);
    CHECK(parse_schedule(open, 4) == std::vector<ScheduledText>{{4, open}});
    for (const std::string when : {"1e400", "99999999999999999999", "1e400."})
        CHECK(parse_schedule("[a:b:" + when + "]", 4).back().until == 4);
    CHECK(parse_schedule("[a:b:1e400]", 4) == std::vector<ScheduledText>{{4, "a"}});
    CHECK(parse_schedule("[a:b:-1e400]", 4) == std::vector<ScheduledText>{{4, "b"}});
    CHECK(parse_schedule("[a:b:inf]", 4) == std::vector<ScheduledText>{{4, "[a:b:inf]"}});
    CHECK(parse_schedule("[a:b:nan]", 4) == std::vector<ScheduledText>{{4, "[a:b:nan]"}});
}

TEST_CASE("prompts joined by AND are those of the published parser") {
    const std::vector<std::pair<std::string, std::vector<ComposedText>>> table = {
        {"", {{"", 1.0}}},
        {"a cat", {{"a cat", 1.0}}},
        {"a cat  ", {{"a cat", 1.0}}},
        {"a cat :1.2 AND a dog :0.9", {{"a cat", 1.2}, {" a dog", 0.9}}},
        {"a AND b", {{"a", 1.0}, {" b", 1.0}}},
        {"aAND b", {{"aAND b", 1.0}}},
        {"a and b", {{"a and b", 1.0}}},
        {"a AND", {{"a", 1.0}, {"", 1.0}}},
        {"AND", {{"", 1.0}, {"", 1.0}}},
        {"a:2", {{"a", 2.0}}},
        {"a :-.5 \n", {{"a", -0.5}}},
        {"a:+1. AND b", {{"a", 1.0}, {" b", 1.0}}},
        {"a:1:2", {{"a:1", 2.0}}},
        {"a:1.2.3", {{"a:1.2.3", 1.0}}},
        {"a:1e3", {{"a:1e3", 1.0}}},
        {"a:b", {{"a:b", 1.0}}},
        {"(a:1.2)", {{"(a:1.2)", 1.0}}},
        {"(a:1.2) :2", {{"(a:1.2)", 2.0}}},
        {" x:", {{" x:", 1.0}}},
        {"x:.", {{"x:.", 1.0}}},
        {"a\nb:3", {{"a\nb", 3.0}}},
        {"a\u3000:\u00a03", {{"a", 3.0}}},
        {"a AND\u00c9 b", {{"a AND\u00c9 b", 1.0}}},
        {"a_AND b", {{"a_AND b", 1.0}}},
        {"a.AND.b", {{"a.", 1.0}, {".b", 1.0}}},
        {":2", {{"", 2.0}}},
    };
    for (const auto& [prompt, expected] : table) {
        INFO(prompt);
        CHECK(split_composition(prompt) == expected);
    }
    CHECK(split_composition(repeated("a AND ", 31)).size() == 32);
    CHECK_THROWS_WITH(split_composition(repeated("a AND ", 32)), has_text("at most 32"));
    CHECK_THROWS_WITH(split_composition("a:" + repeated("9", 400)), has_text("weight inf"));
}

TEST_CASE("networks are taken out of a prompt, with their weights") {
    using Loras = std::vector<LoraInPrompt>;
    const auto check = [](const std::string& prompt, const std::string& text, const Loras& loras) {
        INFO(prompt);
        const ExtraNetworks networks = take_extra_networks(prompt);
        CHECK(networks.text == text);
        CHECK(networks.loras == loras);
    };
    check("", "", {});
    check("a cat", "a cat", {});
    check("a <lora:style:0.8> cat", "a  cat", {{"style", 0.8f, 0.8f}});
    check("<lora:a><lyco:b:0.5:0.25>", "", {{"a", 1, 1}, {"b", 0.5f, 0.25f}});
    check("<lora:a:te=0.5>x", "x", {{"a", 0.5f, 0.5f}});
    check("<lora:a:0.5:unet=-2>", "", {{"a", 0.5f, -2}});
    check("<lora:a:te=0.25:0.5:0.75>", "", {{"a", 0.25f, 0.75f}});
    check("<lora:a b.c: 1 >", "", {{"a b.c", 1, 1}});
    check("a < b > c <3 <:x> <lora:> <lora> <lo ra:x>",
          "a < b > c <3 <:x> <lora:> <lora> <lo ra:x>", {});
    check("<lora:a", "<lora:a", {});
    check("<<lora:a>>", "<>", {{"a", 1, 1}});
    CHECK(take_extra_networks("<scene:x> a").unknown == std::vector<std::string>{"<scene:x>"});
    CHECK(take_extra_networks(repeated("<a:", 30'000)).text.size() == 90'000);

    const auto refused = [](const std::string& prompt, const char* words) {
        CHECK_THROWS_WITH(take_extra_networks(prompt), has_text(prompt) && has_text(words));
    };
    refused("<hypernet:x:1>", "hypernetworks");
    refused("<lora:a:much>", "a weight is a number");
    refused("<lora:a:inf>", "a weight is a number");
    refused("<lora:a:1e30>", "a weight is a number");
    refused("<lora:a:1:1:8>", "at most two weights");
    refused("<lora::1>", "names no LoRA");
}

TEST_CASE("a number is all of a text or none") {
    CHECK(number_of("1") == 1.0);
    CHECK(number_of("-.5") == -0.5);
    CHECK(number_of("+2.") == 2.0);
    CHECK(number_of("1e3") == 1000.0);
    CHECK(number_of("1e-400") == 0.0);
    CHECK(number_of("-1e400").value() < -1e308);
    for (const char* text : {"", ".", "+", "1.2.3", "1e", "inf", "nan", "0x1", " 1", "1 ", "--1"})
        CHECK_FALSE(number_of(text));
}

TEST_CASE("whatever the bytes are, the parsers end, and what they say of it fits together") {
    std::mt19937 random(7);
    const std::vector<std::string> parts{"[",     "]",          "(",    ")",           ":", "|",
                                         "\\",    "a",          " ",    "1.5",         "2", "AND",
                                         "BREAK", "<lora:x:1>", "\xff", "\xe3\x80\x80"};
    for (int i = 0; i < 20'000; ++i) {
        std::string prompt;
        for (int length = static_cast<int>(random() % 16); length > 0; --length)
            prompt += parts[random() % parts.size()];
        INFO(prompt);
        const auto schedule = parse_schedule(prompt, 6);
        REQUIRE(schedule.back().until == 6);
        for (std::size_t step = 1; step < schedule.size(); ++step)
            REQUIRE(schedule[step - 1].until < schedule[step].until);
        std::size_t bytes = 0;
        try {
            for (const WeightedText& piece : parse_attention(prompt)) bytes += piece.text.size();
        } catch (const Error& refusal) {
            REQUIRE(std::string_view(refusal.what()).size() > 0);
        }
        REQUIRE(bytes <= prompt.size());
        REQUIRE(take_extra_networks(prompt).text.size() <= prompt.size());
        REQUIRE_FALSE(split_composition(prompt).empty());
    }
}
