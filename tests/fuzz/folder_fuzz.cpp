// Random bytes as the small files around a model and its training, the first byte says which:
// 'm' metadata.jsonl, 'v' vocab.json, a zero, merges.txt, anything else curve.csv.

#include <algorithm>

#include "chapters/09_training/data/picture_list.h"
#include "chapters/09_training/run/curve.h"
#include "common/text/clip_tokenizer.h"
#include "common/text/learn_merges.h"
#include "tests/fuzz/fuzz.h"

using namespace ldm;
using fuzz::attempt;
using fuzz::require;

namespace {

void read_metadata(std::string_view text) {
    const auto folder = fuzz::scratch_folder() / "pictures";
    std::filesystem::create_directories(folder);
    fuzz::scratch_file("pictures/metadata.jsonl", text);
    for (const auto captions : {train::Captions::needed, train::Captions::ignored})
        attempt([&] {
            const auto list = train::list_pictures(folder, captions);
            require(!list.empty());
            std::vector<std::string> words;
            for (const auto& picture : list) {
                const auto inside = picture.path.lexically_normal().lexically_relative(folder);
                require(!inside.empty() && *inside.begin() != "..");
                words.push_back(picture.caption);
            }
            attempt([&] { text::learn_merges(words, 20); });
        });
}

void read_vocabulary(std::string_view text) {
    const std::size_t zero = std::min(text.find('\0'), text.size());
    const auto vocabulary = fuzz::scratch_file("vocab.json", text.substr(0, zero));
    const auto merges =
        fuzz::scratch_file("merges.txt", text.substr(std::min(zero + 1, text.size())));
    attempt([&] {
        const auto tokenizer = text::ClipTokenizer::from_files(vocabulary, merges);
        for (const char* prompt :
             {"the cat isn't 42", "\xC3\xA9!! <|endoftext|> <|startoftext|>"}) {
            const auto encoded = tokenizer.encode(prompt, 9);
            require(encoded.input_ids.size() == 9);
            for (const auto id : encoded.input_ids)
                require(id >= 0 && id < tokenizer.vocabulary_size());
            tokenizer.decode(encoded.input_ids);
        }
    });
}

void read_curve(std::string_view text) {
    const auto path = fuzz::scratch_file("curve.csv", text);
    attempt([&] { train::Curve(path, {"x"}, 100, [](const std::string&) {}); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text = fuzz::text_of(data + 1, size - 1);
    if (data[0] == 'm')
        read_metadata(text);
    else if (data[0] == 'v')
        read_vocabulary(text);
    else
        read_curve(text);
    return 0;
}
