#include "chapters/01_ddpm/verify_support.h"

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

namespace ldm::ddpm {

TinyNetwork::TinyNetwork(const io::Json& json)
    : a_(io::get<float>(json, "a")),
      b_(io::get<float>(json, "b")),
      c_(io::get_or(json, "c", 0.0f)) {
    io::expect_only_keys(json, {"a", "b", "c"}, "eps");
}

Tensor TinyNetwork::operator()(const Tensor& x, const Tensor& t, const Tensor& context) const {
    const Tensor times = t.dtype() == DType::i32 ? ops::to_float(t) : t;
    Tensor y = a_ * x + (b_ * times / 1000.0f).reshape({-1, 1, 1, 1});
    if (context) y = y + (c_ * ops::mean_per_sample(context)).reshape({-1, 1, 1, 1});
    return y;
}

Denoiser TinyNetwork::without_context() const {
    return [network = *this](const Tensor& x, const Tensor& t) { return network(x, t); };
}

Tensor entry(const Tensor& x, std::int64_t k) {
    return ops::slice(x, 0, k, k + 1).reshape(Shape(x.shape().begin() + 1, x.shape().end()));
}

Tensor stack(const std::vector<Tensor>& parts) {
    std::vector<Tensor> rows;
    for (const Tensor& part : parts) {
        Shape shape = part.shape();
        shape.insert(shape.begin(), 1);
        rows.push_back(part.reshape(shape));
    }
    return ops::concat(rows, 0);
}

}  // namespace ldm::ddpm
