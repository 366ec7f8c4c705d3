#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/tensor/tensor.h"
#include "common/text/tokenizer.h"

namespace ldm::pipeline {

/// A word that was learned from a few pictures: vectors in the place of its tokens' embeddings (Gal
/// et al., "An image is worth one word", 2022).
struct TextualInversion {
    /// what stands for it in a prompt
    std::string name;
    /// [n, D], finite, on the CPU
    Tensor vectors;
};

/// Reads an embedding, safetensors or a file of PyTorch (.pt, .bin). Its vectors are called
/// `emb_params` (A1111), `string_to_param.*` (.pt) or `clip_l`; then the name is the file's,
/// without the ending. Else there is one tensor, called like the word (diffusers). [D] is one
/// vector. Throws an Error that names the file for everything else: several words, `clip_g` (of
/// SDXL), numbers that are not finite.
[[nodiscard]] TextualInversion read_textual_inversion(const std::filesystem::path& path);

/// Throws an Error unless the vectors are as wide as the embeddings of the model's text encoder.
void expect_width(const TextualInversion& embedding, std::int64_t width);

/// Finds names of embeddings among the tokens of a text. A name is compared token by token, so that
/// "cat" is not found in "cats". Of several that fit the one with the most tokens counts, of those
/// the first. Upstream: EmbeddingDatabase of modules/textual_inversion/textual_inversion.py.
class EmbeddingNames {
public:
    /// Throws an Error for a name without a single token.
    EmbeddingNames(const text::Tokenizer& tokenizer, std::span<const TextualInversion> embeddings);

    struct Match {
        /// which of the embeddings
        std::size_t embedding;
        /// of how many tokens its name is made
        std::size_t length;
    };

    /// What stands at the front of these tokens.
    [[nodiscard]] std::optional<Match> at_front(std::span<const std::int32_t> tokens) const;

private:
    struct Name {
        std::vector<std::int32_t> tokens;
        std::size_t embedding;
    };
    // by the first token; the longest first
    std::map<std::int32_t, std::vector<Name>> names_;
};

}  // namespace ldm::pipeline
