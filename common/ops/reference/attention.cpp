#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/ops/reference/reference.h"

namespace ldm::ops::reference {

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v,
                 const AttentionOptions& options) {
    const auto [batch, heads, queries, width] = q.dims<4>();
    const std::int64_t keys = k.dim(2), out = v.dim(3);
    const double scale = options.scale.value_or(1.0f / std::sqrt(static_cast<float>(width)));
    Tensor y({batch, heads, queries, out});
    for (std::int64_t head = 0; head < batch * heads; ++head)
        for (std::int64_t i = 0; i < queries; ++i) {
            const float* query = q.data() + (head * queries + i) * width;
            std::vector<double> weights(keys);
            for (std::int64_t j = 0; j < keys; ++j) {
                const float* key = k.data() + (head * keys + j) * width;
                double score = 0.0;
                for (std::int64_t d = 0; d < width; ++d)
                    score += static_cast<double>(query[d]) * key[d];
                const bool not_padding =
                    !options.key_padding_mask ||
                    options.key_padding_mask.ints()[head / heads * keys + j] != 0;
                const bool seen = not_padding && !(options.causal && j > i);
                weights[j] = seen ? score * scale : std::numeric_limits<float>::lowest();
            }
            const double highest = *std::ranges::max_element(weights);
            double sum = 0.0;
            for (double& weight : weights) sum += weight = std::exp(weight - highest);
            for (std::int64_t d = 0; d < out; ++d) {
                double weighted_sum = 0.0;
                for (std::int64_t j = 0; j < keys; ++j)
                    weighted_sum += weights[j] / sum * v.data()[(head * keys + j) * out + d];
                y.data()[(head * queries + i) * out + d] = static_cast<float>(weighted_sum);
            }
        }
    return y;
}

}  // namespace ldm::ops::reference
