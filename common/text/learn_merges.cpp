#include "common/text/learn_merges.h"

#include <map>

#include "common/io/atomic_file.h"
#include "common/text/clip_pieces.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::text {
namespace {

using Tokens = std::vector<std::string>;

/// The bytes of a word as tokens; the last one ends it.
Tokens units_of(const std::string& piece) {
    Tokens units;
    for (const char c : piece) units.push_back(byte_units()[static_cast<unsigned char>(c)]);
    units.back() += "</w>";
    return units;
}

/// A word of the texts, as the merges so far cut it.
struct Word {
    Tokens tokens;
    int times;
};

std::vector<Word> words_of(std::span<const std::string> texts) {
    std::map<std::string, int> counts;
    for (const std::string& text : texts)
        for (const std::string& piece : clip_pieces(text)) ++counts[piece];
    std::vector<Word> words;
    for (const auto& [piece, times] : counts) words.push_back({units_of(piece), times});
    return words;
}

using PairCounts = std::map<Merge, int>;

void count_pairs(const Word& word, int sign, PairCounts& counts) {
    for (std::size_t i = 0; i + 1 < word.tokens.size(); ++i)
        counts[{word.tokens[i], word.tokens[i + 1]}] += sign * word.times;
}

/// Joins the pair wherever it stands in the word, from the left. Says whether it did anywhere.
bool join(Tokens& tokens, const Merge& pair) {
    Tokens joined;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool here =
            i + 1 < tokens.size() && tokens[i] == pair.first && tokens[i + 1] == pair.second;
        joined.push_back(here ? tokens[i] + tokens[i + 1] : tokens[i]);
        i += here;
    }
    const bool any = joined.size() < tokens.size();
    tokens = std::move(joined);
    return any;
}

}  // namespace

std::vector<Merge> learn_merges(std::span<const std::string> texts, int count) {
    std::vector<Word> words = words_of(texts);
    PairCounts pairs;
    for (const Word& word : words) count_pairs(word, 1, pairs);

    std::vector<Merge> merges;
    while (std::ssize(merges) < count) {
        // in alphabetical order, so the first of equals stays
        const PairCounts::value_type* best = nullptr;
        for (const auto& entry : pairs)
            if (entry.second > (best ? best->second : 0)) best = &entry;
        if (!best) break;
        const Merge pair = merges.emplace_back(best->first);
        for (Word& word : words) {
            const Word before = word;
            if (!join(word.tokens, pair)) continue;
            count_pairs(before, -1, pairs);
            count_pairs(word, 1, pairs);
        }
    }
    return merges;
}

void write_merges_file(const std::filesystem::path& path, std::span<const Merge> merges) {
    io::write_text_file(path, merges_text(merges));
}

}  // namespace ldm::text
