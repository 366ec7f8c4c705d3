#pragma once

#include <algorithm>
#include <vector>

#include "chapters/04_attention/variants/head.h"

namespace ldm::attention::variants {

inline constexpr std::int64_t tile_queries = 32, tile_keys = 64;

/// A block of keys, transposed: row c holds channel c of all of them, so that one channel of a
/// query is multiplied with tile_keys keys in one row.
class KeyTile {
public:
    explicit KeyTile(const Head& head) : head_(head), transposed_(head.width * tile_keys) {}

    /// Keys first, first + 1, …; returns how many there are in this block.
    std::int64_t load(std::int64_t first) {
        const std::int64_t count = std::min(tile_keys, head_.keys - first);
        for (std::int64_t j = 0; j < count; ++j)
            for (std::int64_t c = 0; c < head_.width; ++c)
                transposed_[c * tile_keys + j] = head_.k(first + j)[c];
        return count;
    }

    /// scores[j] = q_i . k_j / sqrt(d) for the keys j of the block.
    void scores(std::int64_t i, float* scores) const {
        float sums[tile_keys] = {};
        for (std::int64_t c = 0; c < head_.width; ++c)
            for (std::int64_t j = 0; j < tile_keys; ++j)
                sums[j] += head_.q(i)[c] * transposed_[c * tile_keys + j];
        for (std::int64_t j = 0; j < tile_keys; ++j) scores[j] = sums[j] * head_.scale;
    }

private:
    const Head& head_;
    std::vector<float> transposed_;  // [width, tile_keys]
};

/// y += weights . values, for `count` keys from `first` on.
inline void add_values(const Head& head, std::int64_t first, std::int64_t count,
                       const float* weights, float* y) {
    for (std::int64_t j = 0; j < count; ++j)
        for (std::int64_t c = 0; c < head.out; ++c) y[c] += weights[j] * head.v(first + j)[c];
}

}  // namespace ldm::attention::variants
