#include "common/text/clip_tokenizer.h"

#include <ctime>
#include <vector>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "common/text/clip_pieces.h"
#include "common/text/tokenizer_json.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using test::has_text;
using text::ClipTokenizer;
using Ids = std::vector<std::int32_t>;

namespace {

const std::string reference_data = LDM_SOURCE_DIR "/reference_data/";

const ClipTokenizer& openai() {
    static const auto tokenizer =
        ClipTokenizer::from_merges_file(reference_data + "clip_bpe/merges.txt");
    return tokenizer;
}

/// 256 units, 256 units that end a word, then the merges: "he" 512, "llo</w>" 514, "cat</w>" 516.
const std::vector<text::Merge> few_merges = {
    {"h", "e"}, {"l", "l"}, {"ll", "o</w>"}, {"c", "a"}, {"ca", "t</w>"}};

}  // namespace

TEST_CASE("CLIP tokenizer: ids follow from the list of merges") {
    const ClipTokenizer tokenizer(few_merges);
    CHECK(tokenizer.vocabulary_size() == 512 + 5 + 2);
    CHECK(tokenizer.start_token() == 517);
    CHECK(tokenizer.end_token() == 518);
    // byte 33, the first that spells itself
    CHECK(tokenizer.token(0) == "!");
    // byte 97
    CHECK(tokenizer.token(64) == "a");
    // byte 0, the first that borrows a character
    CHECK(tokenizer.token(188) == "\u0100");
    // byte 173, the last
    CHECK(tokenizer.token(255) == "\u0143");
    CHECK(tokenizer.token(256 + 64) == "a</w>");
    CHECK(tokenizer.tokenize("Hello cat") == Ids{512, 514, 516});
    CHECK(tokenizer.tokenize("cats") == Ids{515, 83, 256 + 82});
    CHECK_THROWS_WITH(tokenizer.token(519), has_text("expected an id below 519"));
}

TEST_CASE("CLIP tokenizer: start, end, padding, and a cut that keeps the end") {
    const ClipTokenizer tokenizer(few_merges);
    const auto encoded = tokenizer.encode("cat cat", 6);
    CHECK(encoded.input_ids == Ids{517, 516, 516, 518, 518, 518});
    CHECK(encoded.attention_mask == Ids{1, 1, 1, 1, 0, 0});
    CHECK(encoded.cut.empty());

    // OpenCLIP's tokenizer
    ClipTokenizer padding_with_0(few_merges);
    padding_with_0.pad_with(0);
    CHECK(padding_with_0.encode("cat cat", 6).input_ids == Ids{517, 516, 516, 518, 0, 0});
    CHECK(padding_with_0.encode("cat cat cat", 4).input_ids == Ids{517, 516, 516, 518});
    CHECK_THROWS_WITH(padding_with_0.pad_with(519), has_text("no token 519"));

    const auto cut = tokenizer.encode("cat cat  Hello, cat", 4);
    CHECK(cut.input_ids == Ids{517, 516, 516, 518});
    CHECK(cut.attention_mask == Ids{1, 1, 1, 1});
    CHECK(cut.cut == "hello , cat");

    CHECK(tokenizer.encode("", 3).input_ids == Ids{517, 518, 518});
    CHECK(tokenizer.encode(" \t\n", 3).attention_mask == Ids{1, 1, 0});
    CHECK(tokenizer.encode("cat", 2).input_ids == Ids{517, 518});
    CHECK(tokenizer.encode("cat", 2).cut == "cat");
    CHECK_THROWS_WITH(tokenizer.encode("cat", 1), has_text("at least 2, got 1"));
}

TEST_CASE("CLIP tokenizer: a megabyte of accents on one letter is refused at once") {
    // of two classes, in turns: the worst order for who sorts them
    std::string marks = "a";
    for (int i = 0; i < 400'000; ++i) marks += "\u0301\u0316";
    CHECK_THROWS_WITH(text::clip_pieces(marks),
                      has_text("more than 1000 combining marks in a row"));
    CHECK(text::clip_pieces(marks.substr(0, 1 + 2 * 1000)).size() == 2);
}

TEST_CASE("CLIP tokenizer: the pieces of a text") {
    using Pieces = std::vector<std::string>;
    CHECK(text::clip_pieces("It's 12 o'clock, isn't it?!") ==
          Pieces{"it", "'s", "1", "2", "o", "'", "clock", ",", "isn", "'t", "it", "?!"});
    CHECK(text::clip_pieces("Cafe\u0301\u3000\u0130X\u03A3") ==
          Pieces{"caf\u00E9", "i", "\u0307", "x\u03C3"});
    CHECK(text::clip_pieces("  ").empty());
}

TEST_CASE("CLIP tokenizer: OpenAI's vocabulary") {
    CHECK(openai().vocabulary_size() == 49408);
    CHECK(openai().start_token() == 49406);
    CHECK(openai().end_token() == 49407);
    CHECK(openai().tokenize("a photograph of an astronaut riding a horse") ==
          Ids{320, 8853, 539, 550, 18376, 6765, 320, 4558});
    CHECK(openai().decode(openai().tokenize("Grinning CAT")) == "grinning cat");
}

TEST_CASE("CLIP tokenizer: hundreds of strange texts come out as in transformers") {
    const auto rows = io::read_json(reference_data + "03_clip/clip_bpe_tokens.json");
    REQUIRE(rows.size() > 300);
    for (const auto& row : rows) {
        const auto text = row[0].get<std::string>();
        INFO(row[0].dump());
        CHECK(openai().tokenize(text) == row[1].get<Ids>());
    }
}

TEST_CASE("CLIP tokenizer: bytes that are not UTF-8 are an error that shows where") {
    CHECK_THROWS_WITH(openai().tokenize("a cat \xFF and"),
                      has_text("not valid UTF-8 at byte 6: 'a cat \\xFF and'"));
    CHECK_THROWS_AS(openai().tokenize("\xED\xA0\x80"), Error);
    CHECK_THROWS_AS(openai().tokenize("<|endoftext|>\xC3"), Error);
}

TEST_CASE("CLIP tokenizer: a prompt of megabytes takes no time") {
    // of the processor, not of the wall
    const std::clock_t start = std::clock();
    std::string markers;
    for (int i = 0; i < 100'000; ++i) markers += "<|endoftext|>";
    CHECK(openai().tokenize(markers) == Ids(100'000, openai().end_token()));
    CHECK(openai().tokenize(std::string(1'000'000, 'a')).size() > 10'000);
    CHECK((std::clock() - start) / CLOCKS_PER_SEC < 20);
}

TEST_CASE("CLIP tokenizer: files, and what may be wrong with them") {
    test::TemporaryFolder folder;
    const auto merges = folder / "merges.txt", vocab = folder / "vocab.json";
    io::write_text_file(merges, "#version: 0.2\nh e\nl l\r\nll o</w>\n\nc a\nca t</w>");
    const auto tokenizer = ClipTokenizer::from_merges_file(merges);
    CHECK(tokenizer.tokenize("Hello cat") == Ids{512, 514, 516});

    // Ids of vocab.json are taken as they are.
    io::Json json = io::Json::object();
    const int size = tokenizer.vocabulary_size();
    for (int id = 0; id < size; ++id) json[tokenizer.token(id)] = size - 1 - id;
    io::write_json(vocab, json);
    const auto reversed = ClipTokenizer::from_files(vocab, merges);
    CHECK(reversed.tokenize("Hello cat") == Ids{size - 1 - 512, size - 1 - 514, size - 1 - 516});
    CHECK(reversed.start_token() == 1);

    // the same vocabulary in one file, with merges as texts and as pairs
    const auto tokenizer_json = folder / "tokenizer.json";
    const auto in_one_file = [&](const io::Json& list, const char* end = "</w>") {
        io::write_json(
            tokenizer_json,
            {{"model",
              {{"type", "BPE"}, {"end_of_word_suffix", end}, {"vocab", json}, {"merges", list}}}});
        return ClipTokenizer::from_tokenizer_json(tokenizer_json);
    };
    const io::Json texts = {"h e", "l l", "ll o</w>", "c a", "ca t</w>"};
    io::Json pairs = io::Json::array();
    for (const text::Merge& merge : text::read_merges(merges))
        pairs.push_back({merge.first, merge.second});
    for (const io::Json& list : {texts, pairs})
        CHECK(in_one_file(list).tokenize("Hello cat") == reversed.tokenize("Hello cat"));
    CHECK(text::merges_text(text::read_tokenizer_json(tokenizer_json).merges) ==
          "#version: 0.2\nh e\nl l\nll o</w>\nc a\nca t</w>\n");
    CHECK_THROWS_WITH(in_one_file({"h e", "three words here"}),
                      has_text("tokenizer.json: 'three words here' is no merge"));
    CHECK_THROWS_WITH(in_one_file(io::Json::array({{"h", 5}})),
                      has_text("is no merge of two tokens"));
    CHECK_THROWS_WITH(in_one_file({"h e"}, "@@"), has_text("expected byte pairs"));
    CHECK_THROWS_WITH(in_one_file({"h unknown"}), has_text("tokenizer.json: the vocabulary lacks"));
    io::write_json(tokenizer_json, {{"version", "1.0"}});
    CHECK_THROWS_WITH(ClipTokenizer::from_tokenizer_json(tokenizer_json),
                      has_text("tokenizer.json: ") && has_text("'model'"));

    json.erase("cat</w>");
    io::write_json(vocab, json);
    CHECK_THROWS_WITH(ClipTokenizer::from_files(vocab, merges),
                      has_text("vocab.json: the vocabulary lacks the token 'cat</w>'"));
    json["cat</w>"] = -1;
    io::write_json(vocab, json);
    CHECK_THROWS_WITH(ClipTokenizer::from_files(vocab, merges),
                      has_text("'cat</w>' is out of range"));
    json["cat</w>"] = "x";
    io::write_json(vocab, json);
    CHECK_THROWS_WITH(ClipTokenizer::from_files(vocab, merges),
                      has_text("wrong value for key 'cat</w>'"));

    io::write_text_file(merges, "#version: 0.2\nh e\nhe llo x\n");
    CHECK_THROWS_WITH(ClipTokenizer::from_merges_file(merges),
                      has_text("line 3 is no merge of two tokens: 'he llo x'"));
    io::write_text_file(merges, "he y\n");
    CHECK_THROWS_WITH(ClipTokenizer::from_merges_file(merges),
                      has_text("merges.txt: the vocabulary lacks the token 'he'"));
    CHECK_THROWS_WITH(ClipTokenizer::from_merges_file(folder / "none.txt"),
                      has_text("none.txt: cannot open"));
}
