#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "chapters/04_attention/variants/tile.h"
#include "chapters/04_attention/variants/variants.h"

namespace ldm::attention::variants {
namespace {

/// The softmax of a query's scores r over the keys so far.
struct RunningSoftmax {
    // m, the largest score so far
    float max = -std::numeric_limits<float>::infinity();
    // sum of exp(r - m)
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
        RunningSoftmax rows[tile_queries];
        for (std::int64_t j0 = 0; j0 < head.keys; j0 += tile_keys) {
            const std::int64_t count = tile.load(j0);
            for (std::int64_t i = i0; i < i1; ++i) {
                float scores[tile_keys];
                tile.scores(i, scores);

                RunningSoftmax& row = rows[i - i0];
                float* output = y.data() + i * head.out;
                const float row_max = std::max(row.max, *std::max_element(scores, scores + count));
                // 0 in the first block
                const float rescale = std::exp(row.max - row_max);
                row.max = row_max;
                row.sum *= rescale;
                for (std::int64_t c = 0; c < head.out; ++c) output[c] *= rescale;

                for (std::int64_t j = 0; j < count; ++j)
                    row.sum += scores[j] = std::exp(scores[j] - row_max);
                add_values(head, j0, count, scores, output);
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
