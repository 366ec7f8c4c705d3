// Random bytes as a prompt, and as a merges file with a prompt: either they are rejected with an
// ldm::Error of one line, or every promise of the tokenizer holds.

#include <algorithm>
#include <string>
#include <string_view>

#include "common/text/bert_tokenizer.h"
#include "common/text/clip_pieces.h"
#include "common/text/clip_tokenizer.h"
#include "tests/fuzz/fuzz.h"

using namespace ldm;
using fuzz::attempt;
using fuzz::require;
using text::ClipTokenizer;

namespace {

void check(const ClipTokenizer& tokenizer, std::string_view prompt, int max_length) {
    const auto ids = tokenizer.tokenize(prompt);
    for (const auto id : ids) require(id >= 0 && id < tokenizer.vocabulary_size());

    // The tokens spell the pieces of the prompt, nothing is lost.
    if (prompt.find("<|") == prompt.npos) {
        std::string pieces;
        for (const std::string& piece : text::clip_pieces(prompt)) {
            if (!pieces.empty()) pieces += ' ';
            pieces += piece;
        }
        require(tokenizer.decode(ids) == pieces);
    }

    const auto encoded = tokenizer.encode(prompt, max_length);
    const auto length = static_cast<std::size_t>(max_length);
    require(encoded.input_ids.size() == length && encoded.attention_mask.size() == length);
    require(encoded.input_ids.front() == tokenizer.start_token());
    require(encoded.cut.empty() == (ids.size() + 2 <= length));
}

/// BERT's tokenizer makes whole words of any text, of its own vocabulary.
void check_bert(std::string_view prompt, int max_length) {
    static const std::vector<std::string> vocabulary = {
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "a",           "##a",
        "'",     "s",     "!",     "in",    "##g", "\xE7\x8C\xAB"};
    static const text::BertTokenizer tokenizer(vocabulary);
    const auto ids = tokenizer.tokenize(prompt);
    require(ids.size() <= prompt.size());
    for (const auto id : ids) require(id == 1 || (id >= 4 && id < tokenizer.vocabulary_size()));
    require(tokenizer.encode(prompt, max_length).input_ids.size() ==
            static_cast<std::size_t>(max_length));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const ClipTokenizer fixed(text::parse_merges(
        "t h\nth e</w>\na n\na a\naa aa\n' s</w>\ni n\nin g</w>\n\xC4\x82 \xC2\xA9</w>\n! !</w>\n",
        "fixed"));
    const std::string_view input = fuzz::text_of(data, size);
    if (input.empty()) return 0;
    const int max_length = 2 + data[0] % 100;
    attempt([&] { check(fixed, input.substr(1), max_length); });
    attempt([&] { check_bert(input.substr(1), max_length); });

    const std::size_t zero = std::min(input.find('\0'), input.size());
    attempt([&] {
        const ClipTokenizer own(text::parse_merges(input.substr(0, zero), "merges"));
        check(own, input.substr(zero), max_length);
    });
    return 0;
}
