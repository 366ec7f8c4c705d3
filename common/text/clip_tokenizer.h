#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/text/byte_pair_encoding.h"
#include "common/text/tokenizer.h"

namespace ldm::text {

/// Turns a prompt into CLIP's token ids. A vocabulary is a list of merges: ids count the 256 byte
/// units, the same with `</w>`, the merges in their order, then start and end of text.
/// Radford et al., "Learning transferable visual models from natural language supervision", 2021;
/// agrees with CLIPTokenizer of the transformers package.
class ClipTokenizer : public Tokenizer {
public:
    static constexpr std::string_view start_marker = "<|startoftext|>";
    static constexpr std::string_view end_marker = "<|endoftext|>";

    /// Throws ldm::Error for a merge whose parts are no tokens.
    explicit ClipTokenizer(std::span<const Merge> merges);

    /// Reads `merges.txt` (one merge "left right" a line under a line "#version: ...") or OpenAI's
    /// bpe_simple_vocab_16e6.txt, unpacked, of which only the first 48894 merges count.
    static ClipTokenizer from_merges_file(const std::filesystem::path& merges);

    /// The two files of a diffusers or transformers folder; ids are those of `vocab.json`.
    static ClipTokenizer from_files(const std::filesystem::path& vocab_json,
                                    const std::filesystem::path& merges);

    /// The one file of Hugging Face's tokenizers package (read_tokenizer_json); ids are those of
    /// its vocabulary.
    static ClipTokenizer from_tokenizer_json(const std::filesystem::path& path);

    std::vector<std::int32_t> tokenize(std::string_view text) const override;

    /// Bytes of a cut character stay as they are.
    std::string decode(std::span<const std::int32_t> ids) const override;

    /// Pads with that token from now on, instead of the end of the text: OpenCLIP's tokenizer, of
    /// Stable Diffusion 2, takes 0. Throws ldm::Error for an id that no token has.
    void pad_with(std::int32_t id);

    int vocabulary_size() const override { return static_cast<int>(tokens_.size()); }

    /// The spelling of a token in the vocabulary, "cat</w>".
    const std::string& token(std::int32_t id) const;

private:
    ClipTokenizer(const Vocabulary& vocabulary, std::span<const Merge> merges);

    BytePairEncoding words_;
    /// by id
    std::vector<std::string> tokens_;
};

/// The merges of a file in either form, see ClipTokenizer::from_merges_file.
std::vector<Merge> read_merges(const std::filesystem::path& path);

/// The same from the file's text; `what` opens the message of an error.
std::vector<Merge> parse_merges(std::string_view text, std::string_view what);

/// The text of `merges.txt`.
[[nodiscard]] std::string merges_text(std::span<const Merge> merges);

}  // namespace ldm::text
