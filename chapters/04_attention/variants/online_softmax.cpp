#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "chapters/04_attention/variants/tile.h"
#include "chapters/04_attention/variants/variants.h"

namespace ldm::attention::variants {
namespace {

/// What a query knows after some of the keys.
struct SoFar {
    // m, the largest score yet
    float highest = -std::numeric_limits<float>::infinity();
    // sum of exp(s - m)
    float sum = 0.0f;
};

}  // namespace

//! [online]
Tensor online_softmax(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Head head(q, k, v);
    KeyTile tile(head);
    Tensor y = Tensor::zeros({head.queries, head.out});

    for (std::int64_t i0 = 0; i0 < head.queries; i0 += tile_queries) {
        const std::int64_t i1 = std::min(i0 + tile_queries, head.queries);
        SoFar rows[tile_queries];
        for (std::int64_t j0 = 0; j0 < head.keys; j0 += tile_keys) {
            const std::int64_t count = tile.load(j0);
            for (std::int64_t i = i0; i < i1; ++i) {
                float scores[tile_keys];
                tile.scores(i, scores);

                SoFar& row = rows[i - i0];
                float* mixture = y.data() + i * head.out;
                const float highest =
                    std::max(row.highest, *std::max_element(scores, scores + count));
                // 0 at the first block
                const float shrink = std::exp(row.highest - highest);
                row.highest = highest;
                row.sum *= shrink;
                for (std::int64_t c = 0; c < head.out; ++c) mixture[c] *= shrink;

                for (std::int64_t j = 0; j < count; ++j)
                    row.sum += scores[j] = std::exp(scores[j] - highest);
                add_values(head, j0, count, scores, mixture);
            }
        }
        for (std::int64_t i = i0; i < i1; ++i)
            for (std::int64_t c = 0; c < head.out; ++c)
                y.data()[i * head.out + c] /= rows[i - i0].sum;
    }
    return y;
}
//! [online]

}  // namespace ldm::attention::variants
