#pragma once

#include <string>
#include <vector>

#include "common/tensor/tensor.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::clip {

/// Texts as a text tower reads them: [texts, length] int32, each with start and end, padded to
/// `length`. `cut`, if given, gets for each text the words that did not fit, usually "".
Tensor token_ids(const text::ClipTokenizer& tokenizer, const std::vector<std::string>& texts,
                 std::int64_t length, std::vector<std::string>* cut = nullptr);

}  // namespace ldm::clip
