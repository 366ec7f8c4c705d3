#include "chapters/12_conditioners/x_transformer/residual.h"

#include <cmath>
#include <limits>

#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"

namespace ldm::conditioners {

VectorNorm::VectorNorm(const nn::Params& weights, Norm norm, int dim)
    : norm_(norm), scale_(1.0f / std::sqrt(static_cast<float>(dim))) {
    if (norm == Norm::layer) layer_norm_.emplace(weights, dim);
    if (norm == Norm::scale) g_ = weights.get("g", {1});
    if (norm == Norm::rms) g_ = weights.get("g", {dim});
}

Tensor VectorNorm::operator()(const Tensor& x) const {
    if (layer_norm_) return (*layer_norm_)(x);
    if (norm_ == Norm::rezero) return x;
    const float smallest = norm_ == Norm::scale ? 1e-5f : 1e-8f;
    const Tensor length = scale_ * ops::sqrt(ops::sum(ops::square(x), {-1}, ops::Axes::keep));
    return x / ops::clamp(length, smallest, std::numeric_limits<float>::max()) * g_;
}

ResidualGate::ResidualGate(const nn::Params& weights, bool gate_residual, int dim) {
    if (!gate_residual) return;
    const nn::Params gru = weights / "gru";
    weight_ih_ = gru.get("weight_ih", {3 * dim, dim});
    weight_hh_ = gru.get("weight_hh", {3 * dim, dim});
    bias_ih_ = gru.get("bias_ih", {3 * dim});
    bias_hh_ = gru.get("bias_hh", {3 * dim});
}

//! [gate]
Tensor ResidualGate::operator()(const Tensor& branch, const Tensor& x) const {
    if (!weight_ih_) return x + branch;
    const auto w = ops::chunk(ops::linear(branch, weight_ih_, bias_ih_), 3, -1);
    const auto u = ops::chunk(ops::linear(x, weight_hh_, bias_hh_), 3, -1);
    const Tensor r = ops::sigmoid(w[0] + u[0]), z = ops::sigmoid(w[1] + u[1]);
    const Tensor n = ops::tanh(w[2] + r * u[2]);
    return n + z * (x - n);
}
//! [gate]

}  // namespace ldm::conditioners
