#pragma once

#include <numeric>
#include <vector>

#include "common/nn/params.h"

namespace ldm::clip {

/// 0, 1, …, count - 1: [count] int32.
inline Tensor counting_up_to(std::int64_t count) {
    std::vector<std::int32_t> ids(count);
    std::iota(ids.begin(), ids.end(), 0);
    return Tensor::ints({count}, ids);
}

/// Older checkpoints store the numbers 0, 1, 2, … beside the embeddings, some of them as floats.
/// Nobody needs them, but a file that has them is a good file.
inline void accept_position_ids(const nn::Params& embeddings, std::int64_t count) {
    if (embeddings.contains("position_ids")) (void)embeddings.get("position_ids", {1, count});
}

}  // namespace ldm::clip
