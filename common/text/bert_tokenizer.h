#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/text/tokenizer.h"

namespace ldm::text {

/// Turns a text into the token ids of BERT (Devlin et al., 2019), the uncased model: words without
/// case and accents, cut into the longest pieces that the vocabulary has (WordPiece, Wu et al.,
/// 2016). A piece that does not begin a word is spelled with ## in front. Agrees with
/// BertTokenizerFast of the transformers package for bert-base-uncased.
class BertTokenizer : public Tokenizer {
public:
    static constexpr std::string_view padding = "[PAD]", unknown = "[UNK]", start = "[CLS]",
                                      end = "[SEP]";

    /// A token's id is its place in the list, the last one if it comes twice. Throws ldm::Error
    /// unless the four above are in it.
    explicit BertTokenizer(std::span<const std::string> vocabulary);

    /// Reads `vocab.txt`: one token a line. Throws ldm::Error for a file that cannot be read or has
    /// more than a million lines, and as above.
    static BertTokenizer from_file(const std::filesystem::path& vocab);

    /// The ids of `text` alone. A word of which a part is in no piece, or of more than 100
    /// characters, is one [UNK]. encode() has [CLS] before them, [SEP] behind them, and pads with
    /// [PAD]. Throws ldm::Error as normalized() does.
    std::vector<std::int32_t> tokenize(std::string_view text) const override;
    std::string decode(std::span<const std::int32_t> ids) const override;
    int vocabulary_size() const override { return static_cast<int>(tokens_.size()); }

private:
    std::int32_t id_of(std::string_view token) const;
    void add_pieces(std::u32string_view word, std::vector<std::int32_t>& ids) const;

    /// by id
    std::vector<std::string> tokens_;
    std::unordered_map<std::string, std::int32_t> ids_;
    std::int32_t unknown_;
};

/// The words that BERT cuts into pieces: control characters gone, without accents, in lower case,
/// separated by white space; each punctuation mark and each ideograph is a word.
[[nodiscard]] std::vector<std::u32string> bert_words(std::string_view text);

}  // namespace ldm::text
