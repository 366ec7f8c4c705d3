#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ldm::text {

/// Turns a text into the token ids that a text encoder reads.
class Tokenizer {
public:
    struct Encoded {
        /// start, tokens, end, padding
        std::vector<std::int32_t> input_ids;
        /// 0 on padding only
        std::vector<std::int32_t> attention_mask;
        /// the words that did not fit; usually empty
        std::string cut;
    };

    virtual ~Tokenizer() = default;

    /// The ids of `text` alone: no start, no end, no limit. Throws ldm::Error when it is not valid
    /// UTF-8.
    [[nodiscard]] virtual std::vector<std::int32_t> tokenize(std::string_view text) const = 0;

    /// Tokens back to text, words separated by blanks.
    [[nodiscard]] virtual std::string decode(std::span<const std::int32_t> ids) const = 0;

    [[nodiscard]] virtual int vocabulary_size() const = 0;

    /// The text as a text encoder reads it: exactly `max_length` ids, which is at least 2. Throws
    /// as tokenize() does. An empty text is start and end.
    [[nodiscard]] Encoded encode(std::string_view text, int max_length = 77) const;

    std::int32_t start_token() const { return start_; }
    std::int32_t end_token() const { return end_; }
    std::int32_t pad_token() const { return pad_; }

protected:
    Tokenizer() = default;
    Tokenizer(const Tokenizer&) = default;
    Tokenizer& operator=(const Tokenizer&) = default;

    std::int32_t start_ = 0, end_ = 0, pad_ = 0;
};

}  // namespace ldm::text
