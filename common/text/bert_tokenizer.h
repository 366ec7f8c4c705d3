#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ldm::text {

/// Turns a text into the token ids of BERT (Devlin et al., 2019), the uncased model: words without
/// case and accents, cut into the longest pieces that the vocabulary has (WordPiece, Wu et al.,
/// 2016). A piece that does not begin a word is spelled with ## in front. Agrees with
/// BertTokenizerFast of the transformers package for bert-base-uncased.
class BertTokenizer {
public:
    static constexpr std::string_view padding = "[PAD]", unknown = "[UNK]", start = "[CLS]",
                                      end = "[SEP]";

    /// A token's id is its place in the list, the last one if it comes twice. Throws ldm::Error
    /// unless the four above are in it.
    explicit BertTokenizer(std::span<const std::string> vocabulary);

    /// Reads `vocab.txt`: one token a line. Throws ldm::Error for a file that cannot be read or has
    /// more than a million lines, and as above.
    static BertTokenizer from_file(const std::filesystem::path& vocab);

    /// [CLS] tokens [SEP], cut to `max_length` (at least 2) with both kept, and padded to it with
    /// [PAD]. Throws ldm::Error as normalized() does.
    [[nodiscard]] std::vector<std::int32_t> encode(std::string_view text,
                                                   int max_length = 77) const;

    /// The ids of `text` alone. A word of which a part is in no piece, or of more than 100
    /// characters, is one [UNK].
    [[nodiscard]] std::vector<std::int32_t> tokenize(std::string_view text) const;

    int vocabulary_size() const { return size_; }

private:
    std::int32_t id_of(std::string_view token) const;
    void add_pieces(std::u32string_view word, std::vector<std::int32_t>& ids) const;

    std::unordered_map<std::string, std::int32_t> ids_;
    int size_;
    std::int32_t padding_, unknown_, start_, end_;
};

/// The words that BERT cuts into pieces: control characters gone, without accents, in lower case,
/// separated by white space; each punctuation mark and each ideograph is a word.
[[nodiscard]] std::vector<std::u32string> bert_words(std::string_view text);

}  // namespace ldm::text
