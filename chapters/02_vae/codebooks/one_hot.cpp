#include "chapters/02_vae/codebooks/one_hot.h"

#include <fmt/format.h>

#include <cmath>

#include "common/error.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::vae {

Tensor one_hot(const Tensor& indices, std::int64_t n) {
    const Tensor places = ops::to(indices, Device::cpu);
    Shape shape = places.shape();
    shape.push_back(n);
    Tensor y = Tensor::zeros(shape);
    for (std::int64_t i = 0; i < places.size(); ++i) {
        const std::int32_t k = places.ints()[i];
        if (k < 0 || k >= n) throw Error(fmt::format("index {}, expected 0 to {}", k, n - 1));
        y.data()[i * n + k] = 1.0f;
    }
    return ops::to(y, indices.device());
}

Tensor argmax(const Tensor& x) {
    const Tensor numbers = ops::to(x, Device::cpu);
    const std::int64_t n = numbers.dim(-1);
    expect(n > 0, "there is no largest of no numbers");
    Tensor y(Shape(numbers.shape().begin(), numbers.shape().end() - 1), DType::i32);
    for (std::int64_t i = 0; i < y.size(); ++i) {
        const float* row = numbers.data() + i * n;
        std::int64_t best = 0;
        for (std::int64_t k = 1; k < n && !std::isnan(row[best]); ++k)
            if (row[k] > row[best] || std::isnan(row[k])) best = k;
        y.ints()[i] = static_cast<std::int32_t>(best);
    }
    return ops::to(y, x.device());
}

Tensor perplexity(const Tensor& indices, std::int64_t n) {
    const Tensor p = ops::mean(one_hot(indices.reshape({-1}), n), {0});  // [n]
    return ops::exp(-ops::sum(p * ops::log(p + 1e-10f)));
}

}  // namespace ldm::vae
