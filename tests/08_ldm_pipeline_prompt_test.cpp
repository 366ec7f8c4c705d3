// From a prompt to what the UNet is given: chunks, learned words, weights, guidance by several
// prompts that change.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include "chapters/08_ldm_pipeline/prompt/prompt_guidance.h"
#include "chapters/08_ldm_pipeline/txt2img.h"
#include "common/io/safetensors.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::pipeline;
using ldm::test::has_text;
using test::close;
using test::noise;
using text::ClipTokenizer;

namespace {

/// One token a letter: "ab" is "a", "b</w>".
const ClipTokenizer& letters() {
    static const ClipTokenizer tokenizer(std::vector<text::Merge>{});
    return tokenizer;
}

/// What is said in each chunk, without start, end and padding.
std::vector<std::string> said(const ClipTokenizer& tokenizer, const std::vector<Chunk>& chunks) {
    std::vector<std::string> texts;
    for (const Chunk& chunk : chunks) {
        std::vector<std::int32_t> ids;
        for (const std::int32_t id : chunk.ids)
            if (id != tokenizer.start_token() && id != tokenizer.end_token()) ids.push_back(id);
        texts.push_back(tokenizer.decode(ids));
    }
    return texts;
}

std::vector<std::string> chunked(const std::string& prompt, std::int64_t length) {
    return said(letters(), Chunker(letters(), {}, length)(prompt));
}

TextualInversion embedding(const std::string& name, std::int64_t count, std::int64_t width = 8) {
    return {name, noise({count, width}, static_cast<int>(count))};
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a prompt becomes as many chunks as it needs, each with start, end and padding") {
    const Chunker chunker(letters(), {}, 6);
    const auto a = letters().tokenize("a")[0], b = letters().tokenize("b")[0];
    const auto start = letters().start_token(), end = letters().end_token();
    CHECK(chunker("a b") ==
          std::vector<Chunk>{{{start, a, b, end, end, end}, {1, 1, 1, 1, 1, 1}, {}}});
    CHECK(chunker("a (b:2)") ==
          std::vector<Chunk>{{{start, a, b, end, end, end}, {1, 1, 2, 1, 1, 1}, {}}});
    CHECK(chunker("") == std::vector<Chunk>{chunker.empty()});
    CHECK(chunker.empty().ids == std::vector<std::int32_t>{start, end, end, end, end, end});

    CHECK(chunked("a b c d", 6) == Strings{"a b c d"});
    CHECK(chunked("a b c d e", 6) == Strings{"a b c d", "e"});
    CHECK(chunked("a b c d e f g h i", 6) == Strings{"a b c d", "e f g h", "i"});
}

TEST_CASE("BREAK ends a chunk, and one that is full") {
    CHECK(chunked("a BREAK b", 6) == Strings{"a", "b"});
    CHECK(chunked("BREAK a", 6) == Strings{"", "a"});
    CHECK(chunked("a BREAK", 6) == Strings{"a"});
    CHECK(chunked("BREAK", 6) == Strings{""});
    CHECK(chunked("a BREAK BREAK b", 6) == Strings{"a", "", "b"});
    CHECK(chunked("a b c d BREAK e", 6) == Strings{"a b c d", "e"});
}

TEST_CASE("what follows a comma near the end of a chunk moves to the next one") {
    CHECK(chunked("a , b c d", 6) == Strings{"a ,", "b c d"});
    CHECK(chunked("a , b c , d", 6) == Strings{"a , b c", ", d"});
    // it is full, and nothing comes
    CHECK(chunked("a , b c", 6) == Strings{"a , b c"});
    // the comma itself is the last of the chunk
    CHECK(chunked("a b c , d e", 6) == Strings{"a b c ,", "d e"});
    // 20 tokens from the end is near, 21 is not
    const std::string twenty = "a b c d e f g h i j k l m n o p q r s";
    CHECK(chunked(", " + twenty + " x", 22) == Strings{",", twenty + " x"});
    CHECK(chunked(", " + twenty + " t x", 23) == Strings{", " + twenty + " t", "x"});
    // weights move along
    const Chunker chunker(letters(), {}, 6);
    CHECK(chunker("a , (b c:2) d")[1].weights == std::vector<float>{1, 2, 2, 1, 1, 1});
}

TEST_CASE("a learned word takes the place of its name, token by token") {
    const std::vector<TextualInversion> embeddings{embedding("cat", 2), embedding("cat dog", 3),
                                                   embedding("cat", 1)};
    const Chunker chunker(letters(), embeddings, 12);
    const auto first = [&](const std::string& prompt) { return chunker(prompt)[0]; };
    using Insertions = std::vector<Chunk::Insertion>;
    CHECK(first("a cat b").insertions == Insertions{{2, 0}});
    CHECK(first("a cat b").ids[2] == 0);
    CHECK(first("a cat b").ids[3] == 0);
    CHECK(first("a cat b").ids[4] == letters().tokenize("b")[0]);
    CHECK(first("(cat:2) b").weights == std::vector<float>{1, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1});
    // the longest name, and no part of a word
    CHECK(first("cat dog").insertions == Insertions{{1, 1}});
    CHECK(first("CAT, cat").insertions == Insertions{{1, 0}, {4, 0}});
    CHECK(first("cats").insertions.empty());
    // "con", "cat</w>": in upstream's eyes, too
    CHECK(first("concat").insertions == Insertions{{4, 0}});

    // in one piece: 8 + 3 tokens are too many for a chunk of 10
    const std::vector<Chunk> moved = chunker("a b c d e f g h cat dog");
    CHECK(moved.size() == 2);
    CHECK(moved[1].insertions == Insertions{{1, 1}});
    // behind a comma it moves, with its vectors
    const std::vector<Chunk> behind = chunker("a b c d e , cat g h i j");
    REQUIRE(behind.size() == 2);
    CHECK(behind[0].insertions.empty());
    CHECK(behind[1].insertions == Insertions{{1, 0}});
    CHECK(said(letters(), behind)[0] == "a b c d e ,");

    const std::vector<TextualInversion> large{embedding("cat", 11)};
    CHECK_THROWS_WITH(Chunker(letters(), large, 12)("a cat"),
                      has_text("'cat' has 11 vectors") && has_text("room for 10"));
    const std::vector<TextualInversion> nameless{embedding(" ", 1)};
    CHECK_THROWS_WITH(Chunker(letters(), nameless, 12), has_text("cannot be called"));
}

TEST_CASE("a prompt has an end: as many chunks as the limit, and not one more") {
    std::string prompt;
    for (std::size_t i = 0; i < 4 * Chunker::most_chunks; ++i) prompt += "a ";
    CHECK(Chunker(letters(), {}, 6)(prompt).size() == Chunker::most_chunks);
    CHECK_THROWS_WITH(Chunker(letters(), {}, 6)(prompt + "a"), has_text("at most 1024 tokens"));
    CHECK_THROWS_AS(Chunker(letters(), {}, 6)("caf\xe9"), Error);
    CHECK_THROWS_AS(Chunker(letters(), {}, 2), Error);
}

TEST_CASE("files of learned words") {
    const test::TemporaryFolder folder;
    const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
    const auto write = [&](const std::string& name, std::vector<io::TensorEntry> entries) {
        io::write_safetensors(folder / (name + ".safetensors"), entries);
        return folder / (name + ".safetensors");
    };
    const auto check = [&](const std::filesystem::path& path, const std::string& name,
                           const Shape& shape) {
        const TextualInversion read = read_textual_inversion(path);
        CHECK(read.name == name);
        CHECK(close(read.vectors, Tensor::from(shape, numbers), 0) == "");
    };
    check(write("style", {io::entry_of("emb_params", {2, 3}, numbers)}), "style", {2, 3});
    check(write("sd", {io::entry_of("clip_l", {3, 2}, numbers)}), "sd", {3, 2});
    check(write("learned", {io::entry_of("<cat-toy>", {6}, numbers)}), "<cat-toy>", {1, 6});

    // as the paper's code and A1111 save them
    const std::filesystem::path files = LDM_SOURCE_DIR "/tests/common/torch_files";
    const io::TensorFile stored = io::open_safetensors(files / "embedding.expected.safetensors");
    for (const char* name : {"embedding", "embedding_dict"}) {
        const TextualInversion read = read_textual_inversion(files / (std::string(name) + ".pt"));
        const io::TensorEntry& expected = stored.entries().front();
        CHECK(read.name == name);
        CHECK(close(read.vectors, Tensor::from(expected.shape, io::read_floats(expected)), 0) ==
              "");
    }

    const auto refused = [&](const std::vector<io::TensorEntry>& entries, const char* words) {
        CHECK_THROWS_WITH(read_textual_inversion(write("x", entries)),
                          has_text("x.safetensors") && has_text(words));
    };
    refused({io::entry_of("clip_l", {2, 3}, numbers), io::entry_of("clip_g", {2, 3}, numbers)},
            "SDXL");
    refused({io::entry_of("a", {2, 3}, numbers), io::entry_of("b", {2, 3}, numbers)}, "2 tensors");
    refused({io::entry_of("a", {1, 2, 3}, numbers)}, "[1, 2, 3]");
    refused({io::entry_of("a", {2, 0}, std::span<const float>())}, "[2, 0]");
    refused({io::entry_of("a", {}, std::span(numbers).first(1))}, "no list of vectors");
    refused({}, "0 tensors");
    const std::vector<float> broken{1, std::numeric_limits<float>::quiet_NaN()};
    refused({io::entry_of("a", {1, 2}, broken)}, "not finite");
    CHECK_THROWS_WITH(read_textual_inversion(folder / "none.safetensors"), has_text("none"));
    CHECK_THROWS_WITH(expect_width(embedding("cat", 2, 8), 768),
                      has_text("'cat'") && has_text("width 8") && has_text("768"));
}

namespace {

TextTower small_tower(std::int64_t length = 6) {
    return {.kind = "FrozenCLIPEmbedder",
            .length = length,
            .width = 8,
            .vocab_size = letters().vocabulary_size(),
            .layers = 3};
}

PromptPlan plan(const std::string& prompt, const std::string& negative = "", int steps = 10) {
    return plan_prompts({.prompts = {prompt}, .negative_prompt = negative, .steps = steps},
                        letters(), small_tower());
}

/// What a schedule says at each step.
Strings said_at_steps(const TextSchedule& schedule, int steps) {
    Strings texts;
    for (int step = 0; step < steps; ++step) {
        std::string text;
        for (const std::string& part :
             said(letters(), schedule.texts[text_at(schedule.entries, step)]))
            text += (text.empty() ? "" : "/") + part;
        texts.push_back(text);
    }
    return texts;
}

}  // namespace

TEST_CASE("a plan: what is said at which step, with which weight") {
    const PromptPlan two = plan("a :2 AND [b:c:2]", "[x|y]", 4);
    REQUIRE(two.pictures.size() == 1);
    REQUIRE(two.pictures[0].parts.size() == 2);
    CHECK(two.pictures[0].parts[0].weight == 2.0f);
    CHECK(two.pictures[0].parts[1].weight == 1.0f);
    CHECK(said_at_steps(two.pictures[0].parts[0].texts, 4) == Strings{"a", "a", "a", "a"});
    // as upstream, which compares with the steps that are done
    CHECK(said_at_steps(two.pictures[0].parts[1].texts, 4) == Strings{"b", "b", "b", "c"});
    CHECK(said_at_steps(two.pictures[0].negative, 4) == Strings{"x", "x", "y", "x"});
    // each text once
    CHECK(two.pictures[0].negative.texts.size() == 2);
    CHECK(two.pictures[0].negative.entries.size() == 4);
    // no AND in a negative prompt
    CHECK(said_at_steps(plan("a", "x AND y").pictures[0].negative, 1) == Strings{"x and/y"});
    CHECK(plan("a <lora:b:1>").pictures[0].parts[0].texts.texts ==
          plan("a").pictures[0].parts[0].texts.texts);
}

TEST_CASE("the texts of one picture have one length, those of another their own") {
    const PromptPlan long_and_short =
        plan_prompts({.prompts = {"a b c d e", "a"}, .negative_prompt = "x", .steps = 1}, letters(),
                     small_tower());
    const auto& [first, second] = std::tie(long_and_short.pictures[0], long_and_short.pictures[1]);
    CHECK(said_at_steps(first.parts[0].texts, 1) == Strings{"a b c d/e"});
    CHECK(first.negative.texts[0].size() == 2);
    CHECK(first.negative.texts[0][1] == Chunker(letters(), {}, 6).empty());
    CHECK(second.parts[0].texts.texts[0].size() == 1);
    CHECK(second.negative.texts[0].size() == 1);

    const PromptPlan several = plan("[a:a b c d e:5] AND b", "a b c d e f g h i");
    for (const PicturePlan::Part& part : several.pictures[0].parts)
        for (const auto& chunks : part.texts.texts) CHECK(chunks.size() == 3);
}

TEST_CASE("the plain syntax takes every character as it is, and cuts") {
    const PromptPlan plain = plan_prompts({.prompts = {"(a:2) AND", "[b|c]"},
                                           .negative_prompt = "a b c d e f",
                                           .syntax = PromptSyntax::plain},
                                          letters(), small_tower());
    CHECK(said_at_steps(plain.pictures[0].parts[0].texts, 1) == Strings{"( a : 2"});
    CHECK(plain.cut == Strings{") and", "]"});
    CHECK(said_at_steps(plain.pictures[0].negative, 1) == Strings{"a b c d"});
    CHECK_FALSE(plain.pictures[0].parts[0].texts.texts[0][0].is_weighted());
    CHECK(plan("a b c d e").cut == Strings{""});
}

TEST_CASE("what cannot be said is refused while it is planned") {
    const auto refused = [](const PromptRequest& request, const char* words) {
        CHECK_THROWS_WITH(plan_prompts(request, letters(), small_tower()), has_text(words));
    };
    refused({.prompts = {std::string(100'001, 'a')}}, "100001 bytes");
    refused({.prompts = {"a"}, .negative_prompt = std::string(100'001, 'a')}, "100001 bytes");
    refused({.prompts = {"caf\xe9"}}, "UTF-8");
    refused({.prompts = {"a"}, .negative_prompt = "caf\xe9"}, "UTF-8");
    refused({.prompts = {"a"}, .clip_skip = 0}, "clip skip 0");
    refused({.prompts = {"a"}, .clip_skip = 4}, "between 1 and 3");
    refused({.prompts = {"<hypernet:a>"}}, "hypernetworks");
    std::string long_one;
    for (int i = 0; i < 2000; ++i) long_one += "a";
    refused({.prompts = {long_one}}, "at most 1024 tokens");
    // each step says something else, of a hundred chunks
    std::string many = "[a", hundred;
    for (std::size_t i = 1; i <= 50; ++i) many.append("|").append(i, 'b');
    for (int i = 0; i < 400; ++i) hundred += "a";
    refused({.prompts = {many + "]" + hundred}, .steps = 50}, "too long");
    // an embedding that nobody names does no harm
    CHECK(plan_prompts({.prompts = {"dog"}, .embeddings = {embedding("cat", 1, 9)}}, letters(),
                       small_tower())
              .pictures.size() == 1);
    refused({.prompts = {"cat"}, .embeddings = {embedding("cat", 1, 9)}}, "width 9");
    refused({.prompts = {"a"}, .negative_prompt = "cat", .embeddings = {embedding("cat", 1, 9)}},
            "width 9");
}

TEST_CASE("weights leave the mean as it was") {
    const Tensor z = noise({2, 3, 4}, 1) + 0.5f;
    const Tensor w = Tensor::from({2, 3}, {1, 2, 1, 1, 1, 0.5f});
    const Tensor y = with_weights(z, w, {1, 1});
    CHECK(close(ops::mean(y), ops::mean(z), 1e-6) == "");
    const Tensor unscaled = z * w.reshape({2, 3, 1});
    CHECK(close(y, ops::mean(z).item() / ops::mean(unscaled).item() * unscaled, 1e-5) == "");
    CHECK(close(y, z, 0.1) != "");

    // a text of two entries counts twice
    const Tensor second = ops::slice(z, 0, 1, 2), w2 = ops::slice(w, 0, 1, 2);
    const Tensor three =
        with_weights(ops::concat({z, second}, 0), ops::concat({w, w2}, 0), {1, 1, 1});
    CHECK(close(with_weights(z, w, {1, 2}), ops::slice(three, 0, 0, 2), 1e-5) == "");

    CHECK_THROWS_WITH(with_weights(z, Tensor::zeros({2, 3}), {1, 1}), has_text("cancel out"));
}

namespace {

/// A network whose answer depends on everything that it is given: 0.1 x + t + mean of the context.
Tensor network(const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
    const auto [n, length, width] = given.crossattn.at(0).dims<3>();
    const Tensor m = ops::mean_per_sample(given.crossattn[0]).reshape({n, 1, 1, 1});
    return 0.1f * x + t.reshape({n, 1, 1, 1}) + m * static_cast<float>(length);
}

ContextSchedule fixed(const Tensor& context) { return {{{10, 0}}, {context}}; }

Tensor guide(PromptGuidance guidance, const Tensor& x, const Tensor& t, int steps_done = 0) {
    const std::vector<Tensor> contexts = guidance.contexts(steps_done);
    return guidance(x, t, contexts);
}

}  // namespace

TEST_CASE("guidance by one prompt has the bits of with_guidance, by several their weighted sum") {
    const Tensor x = noise({2, 1, 3, 3}, 5), t = Tensor::from({2}, {7, 7});
    const Tensor a = noise({1, 6, 8}, 1), b = noise({1, 6, 8}, 2), u = noise({1, 6, 8}, 3);
    const auto picture = [&](std::vector<PictureContexts::Part> parts) {
        return PictureContexts{std::move(parts), fixed(u)};
    };
    const std::vector<PictureContexts> simple{picture({{fixed(a)}}), picture({{fixed(b)}})};
    const unet::Conditioning cond{.crossattn = {ops::concat({a, b}, 0)}},
        uncond{.crossattn = {ops::concat({u, u}, 0)}};
    for (const float scale : {7.5f, 1.0f, 0.0f})
        CHECK(close(guide({network, simple, scale}, x, t),
                    with_guidance(network, cond, uncond, scale)(x, t), 0) == "");

    // both composed, with other weights each
    const std::vector<PictureContexts> composed{picture({{fixed(a), 0.5f}, {fixed(b), 2.0f}}),
                                                picture({{fixed(b), 1.0f}, {fixed(a), -1.0f}})};
    const auto answer = [&](const Tensor& context) {
        return network(x, t, {.crossattn = {ops::concat({context, context}, 0)}});
    };
    const Tensor ea = answer(a), eb = answer(b), eu = answer(u);
    for (const float scale : {3.0f, 1.0f}) {
        const Tensor first = eu + scale * (0.5f * (ea - eu) + 2.0f * (eb - eu)),
                     second = eu + scale * ((eb - eu) - (ea - eu));
        const Tensor expected =
            ops::concat({ops::slice(first, 0, 0, 1), ops::slice(second, 0, 1, 2)}, 0);
        CHECK(close(guide({network, composed, scale}, x, t), expected, 1e-5) == "");
    }
}

TEST_CASE("a picture's guidance does not depend on its neighbours, of whatever length") {
    const Tensor x = noise({3, 1, 3, 3}, 5), t = Tensor::ints({3}, std::vector{7, 7, 7});
    const Tensor a = noise({1, 6, 8}, 1), b = noise({1, 12, 8}, 2), u = noise({1, 6, 8}, 3),
                 u2 = noise({1, 12, 8}, 4);
    const std::vector<PictureContexts> pictures{
        {{{fixed(a)}}, fixed(u)}, {{{fixed(b)}}, fixed(u2)}, {{{fixed(a)}, {fixed(u)}}, fixed(u)}};
    const Tensor all = guide({network, pictures, 2.0f}, x, ops::to_float(t));
    for (int i = 0; i < 3; ++i) {
        const Tensor alone = guide({network, {pictures[i]}, 2.0f}, ops::slice(x, 0, i, i + 1),
                                   Tensor::from({1}, {7}));
        CHECK(close(ops::slice(all, 0, i, i + 1), alone, 0) == "");
    }
    CHECK(close(guide({network, pictures, 2.0f}, x, t), all, 0) == "");
}

TEST_CASE("contexts change with the steps, and are joined anew only then") {
    const Tensor a = noise({1, 6, 8}, 1), b = noise({1, 6, 8}, 2), u = noise({1, 6, 8}, 3);
    const ContextSchedule changing{{{2, 0}, {10, 1}}, {a, b}};
    PromptGuidance guidance(network, {{{{changing}}, fixed(u)}}, 2.0f);
    CHECK(guidance.changes());
    CHECK_FALSE(PromptGuidance(network, {{{{fixed(a)}}, fixed(u)}}, 2.0f).changes());
    const auto joined = [&](int step) { return guidance.contexts(step).at(0); };
    CHECK(close(joined(2), ops::concat({u, a}, 0), 0) == "");
    CHECK(close(joined(3), ops::concat({u, b}, 0), 0) == "");
    CHECK(joined(3).id() == joined(9).id());
    CHECK(joined(2).id() != joined(3).id());
}

namespace {

const LatentDiffusion& shipped() {
    static const LatentDiffusion model(open_model(nn::shipped_model()));
    return model;
}

Txt2ImgRequest one_picture(const std::string& prompt) {
    return {.prompts = {prompt},
            .seeds = {5},
            .width = 64,
            .height = 64,
            .steps = 3,
            .cfg_scale = 3.0f,
            .keep_steps = true};
}

Txt2ImgResult drawn(const std::string& prompt,
                    const std::function<void(Txt2ImgRequest&)>& change = {}) {
    Txt2ImgRequest request = one_picture(prompt);
    if (change) change(request);
    return txt2img(shipped(), request);
}

bool same(const Txt2ImgResult& a, const Txt2ImgResult& b) {
    return close(a.pictures, b.pictures, 0).empty();
}

}  // namespace

TEST_CASE("a prompt without any of the syntax draws the same bits as plain words") {
    const auto plain = [](Txt2ImgRequest& request) { request.syntax = PromptSyntax::plain; };
    for (const char* prompt :
         {"grinning cat", "", "woman astronaut: medium skin tone", "a, b. c!"}) {
        INFO(prompt);
        CHECK(same(drawn(prompt), drawn(prompt, plain)));
    }
    CHECK_FALSE(same(drawn("(grinning:1.5) cat"), drawn("grinning cat")));
    CHECK(same(drawn("\\(grinning\\) cat"), drawn("(grinning) cat", plain)));
    CHECK(same(drawn("grinning cat <lora:x:1>"), drawn("grinning cat")));
}

TEST_CASE("prompt editing changes the later steps only") {
    const Txt2ImgResult cat = drawn("grinning cat"), both = drawn("grinning [cat:dog:1]"),
                        dog = drawn("grinning dog");
    CHECK(close(both.steps[0].x, cat.steps[0].x, 0) == "");
    CHECK(close(both.steps[1].x, cat.steps[1].x, 0) == "");
    CHECK(close(both.steps[2].x, cat.steps[2].x, 1e-4) != "");
    CHECK(same(drawn("grinning [cat:dog:0]"), dog));
    CHECK(same(drawn("grinning [cat:dog:1.0]"), cat));
    const auto negative = [](const std::string& text) {
        return [text](Txt2ImgRequest& request) { request.negative_prompt = text; };
    };
    CHECK(close(drawn("cat", negative("[a:rocket:1]")).steps[1].x,
                drawn("cat", negative("a")).steps[1].x, 0) == "");
    CHECK_FALSE(same(drawn("cat", negative("[a:rocket:1]")), drawn("cat", negative("a"))));
}

TEST_CASE("composed prompts, long prompts and clip skip draw, each its own picture") {
    const Txt2ImgResult cat = drawn("grinning cat");
    CHECK(same(drawn("grinning cat :1"), cat));
    CHECK_FALSE(same(drawn("grinning cat :1.5"), cat));
    CHECK_FALSE(same(drawn("grinning cat AND rocket"), cat));
    // nothing more than the negative prompt, and so no change
    CHECK(close(drawn("grinning cat AND :2").steps.back().x, cat.steps.back().x, 1e-3) == "");
    CHECK_FALSE(same(drawn("grinning cat BREAK"), drawn("grinning BREAK cat")));
    CHECK(drawn("grinning BREAK cat BREAK red BREAK rocket").pictures.shape() ==
          Shape{1, 3, 64, 64});
    CHECK_FALSE(same(drawn("grinning cat", [](auto& request) { request.clip_skip = 2; }), cat));
    CHECK_THROWS_WITH(drawn("cat", [](auto& request) { request.clip_skip = 5; }),
                      has_text("4 layers"));
}

TEST_CASE("pictures of prompts of all kinds in one batch are those drawn alone") {
    const std::vector<std::string> prompts{"grinning cat", "(grinning:1.4) [cat|dog]",
                                           "rocket :0.8 AND red apple", "cat BREAK dog"};
    Txt2ImgRequest request = one_picture("");
    request.prompts = prompts;
    request.seeds = {1, 2, 3, 4};
    request.negative_prompt = "(blue)";
    const Txt2ImgResult together = txt2img(shipped(), request);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
        request.prompts = {prompts[i]};
        request.seeds = {i + 1};
        CHECK(to_uint8_image(txt2img(shipped(), request).pictures, 0) ==
              to_uint8_image(together.pictures, static_cast<std::int64_t>(i)));
    }
}

TEST_CASE("a learned word that is a token's own embedding draws what the token draws") {
    // the row of the vocabulary for "cat</w>", read from the model's file
    const io::TensorFile file = io::open_tensor_file(nn::shipped_model() / "model.safetensors");
    const io::TensorEntry& table =
        file.at("cond_stage_model.transformer.text_model.embeddings.token_embedding.weight");
    const auto ids = shipped().source().tokenizer().tokenize("cat");
    REQUIRE(ids.size() == 1);
    const Tensor rows = Tensor::from({table.shape[0], table.shape[1]}, io::read_floats(table));
    const auto with_word = [&](Txt2ImgRequest& request) {
        request.embeddings = {{"zzz", ops::slice(rows, 0, ids[0], ids[0] + 1)}};
    };
    CHECK(same(drawn("grinning zzz", with_word), drawn("grinning cat")));
    CHECK(same(drawn("grinning (zzz:1.3)", with_word), drawn("grinning (cat:1.3)")));
    CHECK_FALSE(same(drawn("grinning zzz"), drawn("grinning cat")));
}

TEST_CASE("clip skip stands in the parameters") {
    Txt2ImgRequest request = one_picture("(cat:1.2) AND <lora:x:1>");
    CHECK_THAT(parameters_text(shipped(), request, 0),
               Catch::Matchers::StartsWith("(cat:1.2) AND <lora:x:1>\nSteps: 3"));
    CHECK_THAT(parameters_text(shipped(), request, 0), !has_text("Clip skip"));
    request.clip_skip = 2;
    CHECK_THAT(parameters_text(shipped(), request, 0), has_text("Model: emoji, Clip skip: 2"));
}
