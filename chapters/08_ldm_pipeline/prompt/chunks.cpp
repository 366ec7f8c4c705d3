#include "chapters/08_ldm_pipeline/prompt/chunks.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/io/utf8.h"

namespace ldm::pipeline {
namespace {

/// After how many tokens a comma is too far away to end a chunk there.
constexpr std::int64_t most_moved = 20;

/// The chunks so far, and the one that is being filled.
class Filling {
public:
    Filling(const text::Tokenizer& tokenizer, std::int64_t length)
        : start_(tokenizer.start_token()),
          end_(tokenizer.end_token()),
          pad_(tokenizer.pad_token()),
          room_(length - 2) {}

    std::int64_t filled() const { return std::ssize(ids_); }
    std::int64_t room() const { return room_; }

    void add(std::int32_t id, float weight) {
        ids_.push_back(id);
        weights_.push_back(weight);
    }

    void remember_comma() { last_comma_ = filled(); }

    void add(const TextualInversion& embedding, std::size_t index, float weight) {
        const std::int64_t count = embedding.vectors.dim(0);
        if (count > room_)
            throw Error(
                fmt::format("the embedding '{}' has {} vectors, and the text encoder has "
                            "room for {}",
                            text::printable(embedding.name), count, room_));
        if (filled() + count > room_) end_chunk();
        // the start token stands before all
        insertions_.push_back({filled() + 1, index});
        for (std::int64_t i = 0; i < count; ++i) add(0, weight);
    }

    /// Makes room for a token that is not a comma, if the chunk is full.
    void move_on_behind_comma() {
        if (filled() != room_ || last_comma_ < 0 || filled() - last_comma_ > most_moved) return;
        const std::int64_t kept = last_comma_ + 1;
        std::vector<std::int32_t> moved_ids(ids_.begin() + kept, ids_.end());
        std::vector<float> moved_weights(weights_.begin() + kept, weights_.end());
        std::vector<Chunk::Insertion> moved;
        for (const Chunk::Insertion& insertion : insertions_)
            if (insertion.position > kept)
                moved.push_back({insertion.position - kept, insertion.embedding});
        ids_.resize(kept);
        weights_.resize(kept);
        insertions_.resize(insertions_.size() - moved.size());
        end_chunk();
        ids_ = std::move(moved_ids);
        weights_ = std::move(moved_weights);
        insertions_ = std::move(moved);
    }

    void end_chunk() {
        if (chunks_.size() == Chunker::most_chunks)
            throw Error(fmt::format("the prompt is too long: at most {} tokens are possible",
                                    Chunker::most_chunks * static_cast<std::size_t>(room_)));
        ids_.insert(ids_.begin(), start_);
        weights_.insert(weights_.begin(), 1.0f);
        ids_.push_back(end_);
        ids_.resize(static_cast<std::size_t>(room_ + 2), pad_);
        weights_.resize(static_cast<std::size_t>(room_ + 2), 1.0f);
        chunks_.push_back({std::move(ids_), std::move(weights_), std::move(insertions_)});
        ids_ = {};
        weights_ = {};
        insertions_ = {};
        last_comma_ = -1;
    }

    std::vector<Chunk> finish() {
        if (filled() > 0 || chunks_.empty()) end_chunk();
        return std::move(chunks_);
    }

private:
    std::int32_t start_, end_, pad_;
    std::int64_t room_;
    std::vector<std::int32_t> ids_;
    std::vector<float> weights_;
    std::vector<Chunk::Insertion> insertions_;
    // how many tokens there were before it; negative: none in this chunk
    std::int64_t last_comma_ = -1;
    std::vector<Chunk> chunks_;
};

}  // namespace

bool Chunk::is_weighted() const {
    return std::ranges::any_of(weights, [](float weight) { return weight != 1.0f; });
}

Chunker::Chunker(const text::Tokenizer& tokenizer, std::span<const TextualInversion> embeddings,
                 std::int64_t length)
    : tokenizer_(tokenizer),
      embeddings_(embeddings),
      names_(tokenizer, embeddings),
      length_(length) {
    expect(length > 2, fmt::format("a text encoder of {} tokens has room for none", length));
}

//! [chunks]
std::vector<Chunk> Chunker::operator()(std::string_view prompt) const {
    const std::vector<std::int32_t> comma = tokenizer_.tokenize(",");
    Filling filling(tokenizer_, length_);
    for (const WeightedText& piece : parse_attention(prompt)) {
        if (piece.is_break()) {
            filling.end_chunk();
            continue;
        }
        const std::vector<std::int32_t> tokens = tokenizer_.tokenize(piece.text);
        const auto weight = static_cast<float>(piece.weight);
        for (std::span<const std::int32_t> rest(tokens); !rest.empty();) {
            const auto match = names_.at_front(rest);
            if (!match && comma.size() == 1 && rest[0] == comma[0])
                filling.remember_comma();
            else
                filling.move_on_behind_comma();
            if (filling.filled() == filling.room()) filling.end_chunk();
            if (match)
                filling.add(embeddings_[match->embedding], match->embedding, weight);
            else
                filling.add(rest[0], weight);
            rest = rest.subspan(match ? match->length : 1);
        }
    }
    return filling.finish();
}
//! [chunks]

Chunk Chunker::empty() const {
    std::string cut;
    return plain("", cut);
}

Chunk Chunker::plain(std::string_view text, std::string& cut) const {
    auto encoded = tokenizer_.encode(text, static_cast<int>(length_));
    cut = std::move(encoded.cut);
    const std::vector<float> weights(encoded.input_ids.size(), 1.0f);
    return {std::move(encoded.input_ids), weights, {}};
}

}  // namespace ldm::pipeline
