#include "chapters/03_clip/token_ids.h"

#include <algorithm>

namespace ldm::clip {

Tensor token_ids(const text::ClipTokenizer& tokenizer, const std::vector<std::string>& texts,
                 std::int64_t length, std::vector<std::string>* cut) {
    Tensor ids({std::ssize(texts), length}, DType::i32);
    if (cut) cut->clear();
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto encoded = tokenizer.encode(texts[i], static_cast<int>(length));
        std::ranges::copy(encoded.input_ids, ids.ints() + i * length);
        if (cut) cut->push_back(encoded.cut);
    }
    return ids;
}

}  // namespace ldm::clip
