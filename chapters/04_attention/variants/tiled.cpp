#include <algorithm>
#include <cmath>
#include <vector>

#include "chapters/04_attention/variants/tile.h"
#include "chapters/04_attention/variants/variants.h"

namespace ldm::attention::variants {

//! [tiled]
Tensor tiled(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Head head(q, k, v);
    const std::int64_t padded = (head.keys + tile_keys - 1) / tile_keys * tile_keys;
    std::vector<float> scores(tile_queries * padded);
    KeyTile tile(head);
    Tensor y = Tensor::zeros({head.queries, head.out});

    for (std::int64_t i0 = 0; i0 < head.queries; i0 += tile_queries) {
        const std::int64_t i1 = std::min(i0 + tile_queries, head.queries);
        for (std::int64_t j0 = 0; j0 < head.keys; j0 += tile_keys) {
            tile.load(j0);
            for (std::int64_t i = i0; i < i1; ++i) tile.scores(i, &scores[(i - i0) * padded + j0]);
        }
        for (std::int64_t i = i0; i < i1; ++i) {
            float* row = &scores[(i - i0) * padded];
            const float row_max = *std::max_element(row, row + head.keys);
            float sum = 0.0f;
            for (std::int64_t j = 0; j < head.keys; ++j) sum += row[j] = std::exp(row[j] - row_max);
            for (std::int64_t j = 0; j < head.keys; ++j) row[j] /= sum;
        }
        for (std::int64_t j0 = 0; j0 < head.keys; j0 += tile_keys)
            for (std::int64_t i = i0; i < i1; ++i)
                add_values(head, j0, std::min(tile_keys, head.keys - j0),
                           &scores[(i - i0) * padded + j0], y.data() + i * head.out);
    }
    return y;
}
//! [tiled]

}  // namespace ldm::attention::variants
