#pragma once

#include <string>
#include <vector>

#include "common/tensor/tensor.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::clip {

/// Texts as input of a text tower: [texts, length] int32, each with start and end token, padded to
/// `length`. `cut`, if given, gets for each text the words that did not fit, usually "". Throws for
/// invalid UTF-8.
Tensor token_ids(const text::ClipTokenizer& tokenizer, const std::vector<std::string>& texts,
                 std::int64_t length, std::vector<std::string>* cut = nullptr);

}  // namespace ldm::clip
