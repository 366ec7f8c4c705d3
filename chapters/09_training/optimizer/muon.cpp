#include "chapters/09_training/optimizer/muon.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/09_training/optimizer/gradients.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/precision.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

using NameTest = std::function<bool(const std::string&)>;

Weights matrices(const Weights& weights, const NameTest& is_hidden_layer) {
    return select(weights, [&](const std::string& name) {
        return weights.at(name).rank() >= 2 && is_hidden_layer(name);
    });
}

Weights without(const Weights& weights, const Weights& others) {
    return select(weights, [&](const std::string& name) { return !others.contains(name); });
}

Tensor identity(std::int64_t n, Device device) {
    Tensor x = Tensor::zeros({n, n});
    for (std::int64_t i = 0; i < n; ++i) x.data()[i * n + i] = 1.0f;
    return ops::to(x, device);
}

}  // namespace

//! [orthogonalized]
Tensor orthogonalized(const Tensor& matrix) {
    using ops::matmul;
    NoGradient no_gradient;
    // rounding would grow from step to step
    const ops::WithPrecision exact(ops::Precision::f32);
    const Tensor rows = matrix.reshape({matrix.dim(0), -1});
    const bool wide = rows.dim(0) <= rows.dim(1);
    const Tensor x =
        rows / static_cast<float>(std::max(std::sqrt(ops::sum_of_squares(rows)), 1e-7));

    // Every step multiplies x by a polynomial of the Gram matrix x x^T alone (of x^T x, if that is
    // smaller). So only these small matrices are iterated, and x is multiplied by their product at
    // the end.
    Tensor gram = matmul(x, x, wide ? ops::Transpose::b : ops::Transpose::a);
    const Tensor one = identity(gram.dim(0), gram.device());
    Tensor steps = one;
    for (int step = 0; step < 5; ++step) {
        const Tensor factor = 3.4445f * one - 4.7750f * gram + 2.0315f * matmul(gram, gram);
        gram = matmul(factor, matmul(gram, factor));
        steps = matmul(factor, steps);
    }
    return (wide ? matmul(steps, x) : matmul(x, steps)).reshape(matrix.shape());
}
//! [orthogonalized]

Muon::Muon(const Weights& weights, const NameTest& is_hidden_layer, const Config& config)
    : config_(config),
      matrices_(matrices(weights, is_hidden_layer)),
      momenta_(zeros_like(matrices_)),
      adam_(without(weights, matrices_), config.adam) {
    expect(config.beta >= 0.0 && config.beta < 1.0,
           fmt::format("'beta' is {}, expected 0 to below 1", config.beta));
    expect(config.weight_decay >= 0.0,
           fmt::format("'weight_decay' is {}, expected 0 or more", config.weight_decay));
}

//! [step]
void Muon::step(const Weights& gradients, double learning_rate) {
    for (auto& [name, weight] : matrices_) {
        const Tensor& g = gradient_of(gradients, name);
        Tensor& momentum = momenta_.at(name);
        ops::lerp_into(momentum, g, 1.0 - config_.beta);
        Tensor ahead = ops::detach(g);
        ops::lerp_into(ahead, momentum, config_.beta);

        const auto rows = static_cast<double>(weight.dim(0)),
                   columns = static_cast<double>(weight.size()) / rows;
        const double distance = 0.2 * learning_rate * std::sqrt(std::max(rows, columns));
        ops::add_into(weight, 1.0 - learning_rate * config_.weight_decay, orthogonalized(ahead),
                      -distance);
    }
    adam_.step(gradients, learning_rate);
}
//! [step]

Weights Muon::state() {
    Weights state;
    for (const auto& [name, m] : momenta_) state.emplace("momentum." + name, m);
    for (const auto& [name, x] : adam_.state()) state.emplace("adam." + name, x);
    return state;
}

}  // namespace ldm::train
