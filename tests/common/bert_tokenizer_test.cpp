#include "common/text/bert_tokenizer.h"

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using test::has_text;

namespace {

const std::vector<std::string> vocabulary = {"[PAD]", "[UNK]",  "[CLS]", "[SEP]", "un",
                                             "##aff", "##able", "unaff", "cat",   ","};

std::vector<std::string> pieces(const std::string& text) {
    const text::BertTokenizer tokenizer(vocabulary);
    std::vector<std::string> found;
    for (const std::int32_t id : tokenizer.tokenize(text)) found.push_back(vocabulary[id]);
    return found;
}

using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("WordPiece takes the longest piece, from the front") {
    CHECK(pieces("unaffable") == Pieces{"unaff", "##able"});
    CHECK(pieces("UN,cat") == Pieces{"un", ",", "cat"});
    // no way to go on: the whole word is unknown
    CHECK(pieces("unaffcat cat") == Pieces{"[UNK]", "cat"});
    CHECK(pieces("") == Pieces{});
    CHECK(pieces("\xc3\x84\xcc\x88 c\xcc\x81"
                 "at") == Pieces{"[UNK]", "cat"});
}

TEST_CASE("a text is cut to its length with start and end, and padded") {
    const text::BertTokenizer tokenizer(vocabulary);
    using Ids = std::vector<std::int32_t>;
    CHECK(tokenizer.encode("cat", 5).input_ids == Ids{2, 8, 3, 0, 0});
    CHECK(tokenizer.encode("cat cat cat", 3).input_ids == Ids{2, 8, 3});
    CHECK(tokenizer.encode("cat", 2).input_ids == Ids{2, 3});
    CHECK(tokenizer.encode("cat, unaffable", 4).cut == "unaffable");
    CHECK(tokenizer.encode("").input_ids.size() == 77);
    CHECK_THROWS_AS(tokenizer.encode("cat", 1), Error);
    CHECK_THROWS_WITH(tokenizer.encode("\xff"), has_text("UTF-8"));
}

TEST_CASE("vocab.txt is a token a line") {
    const test::TemporaryFolder folder;
    io::write_text_file(folder / "vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\ncat\r\n");
    const auto tokenizer = text::BertTokenizer::from_file(folder / "vocab.txt");
    CHECK(tokenizer.vocabulary_size() == 5);
    CHECK(tokenizer.tokenize("Cat") == std::vector<std::int32_t>{4});
    io::write_text_file(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n");
    CHECK_THROWS_WITH(text::BertTokenizer::from_file(folder / "vocab.txt"),
                      has_text("vocab.txt") && has_text("lacks the token '[SEP]'"));
    CHECK_THROWS_AS(text::BertTokenizer::from_file(folder / "none.txt"), Error);
}
