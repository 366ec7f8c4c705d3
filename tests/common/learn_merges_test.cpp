#include "common/text/learn_merges.h"

#include <vector>

#include "common/io/atomic_file.h"
#include "common/io/data_path.h"
#include "common/io/json.h"
#include "common/text/clip_tokenizer.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using text::learn_merges;
using text::Merge;

TEST_CASE("merges: the most frequent neighbours first, of equals the first in the alphabet") {
    // "low" thrice, "lot" twice: l o five times; then lo w</w> thrice, lo t</w> twice.
    const std::vector<std::string> texts = {"low low lot", "Low LOT"};
    CHECK(learn_merges(texts, 2) == std::vector<Merge>{{"l", "o"}, {"lo", "w</w>"}});
    CHECK(learn_merges(texts, 3) ==
          std::vector<Merge>{{"l", "o"}, {"lo", "w</w>"}, {"lo", "t</w>"}});
    const std::vector<std::string> equals = {"cd ab"};
    CHECK(learn_merges(equals, 5) == std::vector<Merge>{{"a", "b</w>"}, {"c", "d</w>"}});
}

TEST_CASE("merges: neighbours that overlap are joined from the left") {
    // a a a a a</w>: three pairs (a, a), two of which can be joined
    const std::vector<std::string> texts = {"aaaaa"};
    // aa aa a</w>
    CHECK(learn_merges(texts, 2) == std::vector<Merge>{{"a", "a"}, {"aa", "a</w>"}});
}

TEST_CASE("merges: those of the emoji model follow from its captions") {
    const auto model = io::data_path("models/emoji");
    const auto captions =
        io::get<std::vector<std::string>>(io::read_json(model / "captions.json"), "train");
    const std::vector<Merge> merges = learn_merges(captions, 1200);
    test::TemporaryFolder folder;
    text::write_merges_file(folder / "merges.txt", merges);
    CHECK(io::read_text_file(folder / "merges.txt") == io::read_text_file(model / "merges.txt"));
    CHECK(text::ClipTokenizer(merges).vocabulary_size() == 512 + 1200 + 2);
}
