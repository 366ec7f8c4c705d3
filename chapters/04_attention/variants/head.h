#pragma once

#include <cmath>

#include "common/tensor/tensor.h"

namespace ldm::attention::variants {

/// The operands of one head and their sizes: q [queries, width], k [keys, width], v [keys, out].
struct Head {
    std::int64_t queries, keys, width, out;
    /// factor of the scores, 1 / sqrt(width)
    float scale;

    Head(const Tensor& q, const Tensor& k, const Tensor& v)
        : queries(q.dims<2>()[0]),
          keys(k.dims<2>()[0]),
          width(q.dim(1)),
          out(v.dims<2>()[1]),
          scale(1.0f / std::sqrt(static_cast<float>(width))),
          q_(q.data()),
          k_(k.data()),
          v_(v.data()) {
        expect_shape(k, {keys, width});
        expect_shape(v, {keys, out});
        expect(keys > 0, "attention over no keys");
    }

    const float* q(std::int64_t i) const { return q_ + i * width; }
    const float* k(std::int64_t j) const { return k_ + j * width; }
    const float* v(std::int64_t j) const { return v_ + j * out; }

private:
    const float *q_, *k_, *v_;
};

}  // namespace ldm::attention::variants
