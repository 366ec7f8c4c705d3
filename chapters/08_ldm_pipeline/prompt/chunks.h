#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chapters/08_ldm_pipeline/prompt/attention_weights.h"
#include "chapters/08_ldm_pipeline/prompt/textual_inversion.h"
#include "common/text/tokenizer.h"

namespace ldm::pipeline {

/// As many tokens as the text encoder reads at once, S: start, S - 2 tokens of a prompt, end; what
/// is not filled is padded as the tokenizer pads.
struct Chunk {
    /// An embedding's vectors in the place of the tokens from `position` on, which are 0.
    struct Insertion {
        std::int64_t position;
        /// which embedding
        std::size_t embedding;

        auto operator<=>(const Insertion&) const = default;
    };

    std::vector<std::int32_t> ids;
    /// one for each of the ids; 1 for start, end and padding
    std::vector<float> weights;
    std::vector<Insertion> insertions;

    bool operator==(const Chunk&) const = default;

    /// Whether some weight is not 1.
    bool is_weighted() const;
};

/// Makes chunks of a prompt of any length, as AUTOMATIC1111's web UI does. A chunk ends where it is
/// full, and at BREAK. Where the last comma of a full chunk is among its last 20 tokens, what
/// follows the comma moves to the next chunk. An embedding stays in one piece. Upstream:
/// tokenize_line of modules/sd_hijack_clip.py, which leaves the vectors of an embedding behind when
/// its tokens move.
class Chunker {
public:
    /// The most chunks of one prompt.
    static constexpr std::size_t most_chunks = 256;

    /// All must outlive it. `length` is S, above 2.
    Chunker(const text::Tokenizer& tokenizer, std::span<const TextualInversion> embeddings,
            std::int64_t length);

    /// At least one chunk. Throws an Error for invalid UTF-8, for more than most_chunks, and for an
    /// embedding of more vectors than a chunk has room for.
    [[nodiscard]] std::vector<Chunk> operator()(std::string_view prompt) const;

    /// The chunk of the empty prompt.
    [[nodiscard]] Chunk empty() const;

    /// The text as it stands as one chunk of weights 1, cut where that is full; `cut` receives the
    /// rest. What ldm/modules/encoders/modules.py does with every prompt.
    [[nodiscard]] Chunk plain(std::string_view text, std::string& cut) const;

private:
    const text::Tokenizer& tokenizer_;
    std::span<const TextualInversion> embeddings_;
    EmbeddingNames names_;
    std::int64_t length_;
};

}  // namespace ldm::pipeline
