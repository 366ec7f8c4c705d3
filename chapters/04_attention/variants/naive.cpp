#include <algorithm>
#include <cmath>
#include <vector>

#include "chapters/04_attention/variants/head.h"
#include "chapters/04_attention/variants/variants.h"

namespace ldm::attention::variants {

//! [naive]
Tensor naive(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Head head(q, k, v);
    std::vector<float> scores(head.queries * head.keys);
    Tensor y = Tensor::zeros({head.queries, head.out});

    for (std::int64_t i = 0; i < head.queries; ++i) {
        float* row = &scores[i * head.keys];
        for (std::int64_t j = 0; j < head.keys; ++j) {
            float dot = 0.0f;
            for (std::int64_t c = 0; c < head.width; ++c) dot += head.q(i)[c] * head.k(j)[c];
            row[j] = dot * head.scale;
        }
    }
    for (std::int64_t i = 0; i < head.queries; ++i) {
        float* row = &scores[i * head.keys];
        const float row_max = *std::max_element(row, row + head.keys);
        float sum = 0.0f;
        for (std::int64_t j = 0; j < head.keys; ++j) sum += row[j] = std::exp(row[j] - row_max);
        for (std::int64_t j = 0; j < head.keys; ++j) row[j] /= sum;
    }
    for (std::int64_t i = 0; i < head.queries; ++i)
        for (std::int64_t c = 0; c < head.out; ++c) {
            float output = 0.0f;
            for (std::int64_t j = 0; j < head.keys; ++j)
                output += scores[i * head.keys + j] * head.v(j)[c];
            y.data()[i * head.out + c] = output;
        }
    return y;
}
//! [naive]

}  // namespace ldm::attention::variants
