#include "common/text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"

namespace ldm::text {

Tokenizer::Encoded Tokenizer::encode(std::string_view text, int max_length) const {
    expect(max_length >= 2, fmt::format("max_length must be at least 2, got {}", max_length));
    const std::vector<std::int32_t> ids = tokenize(text);
    const auto length = static_cast<std::size_t>(max_length);
    const std::size_t kept = std::min(ids.size(), length - 2);

    Encoded encoded;
    encoded.input_ids.assign(length, pad_);
    encoded.input_ids[0] = start_;
    std::copy_n(ids.begin(), kept, encoded.input_ids.begin() + 1);
    encoded.input_ids[kept + 1] = end_;
    encoded.attention_mask.assign(length, 0);
    std::fill_n(encoded.attention_mask.begin(), kept + 2, 1);
    encoded.cut = decode(std::span(ids).subspan(kept));
    return encoded;
}

}  // namespace ldm::text
