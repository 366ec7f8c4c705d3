#pragma once

#include <optional>

#include "chapters/12_conditioners/x_transformer/config.h"
#include "common/nn/layers.h"

/// What stands before and behind a layer of x_transformer: its norm, and how its result is joined
/// with what went in.

namespace ldm::conditioners {

/// One of Norm; rezero leaves x as it is. Keys: weight and bias of a LayerNorm, g of the others.
class VectorNorm {
public:
    VectorNorm(const nn::Params& weights, Norm norm, int dim);
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

private:
    Norm norm_;
    std::optional<nn::LayerNorm> layer_norm_;
    Tensor g_;
    float scale_;
};

/// x + branch; or with gate_residual a GRU cell (Cho et al., 2014), whose input is the branch and
/// whose state is x, as Parisotto et al. (2019, "Stabilizing transformers for reinforcement
/// learning") gate it:
///
///     r = sigmoid(W_r branch + U_r x),  z = sigmoid(W_z branch + U_z x)
///     n = tanh(W_n branch + r * (U_n x))
///     y = (1 - z) n + z x
///
/// Each product has a bias. Keys gru.weight_ih (the three W), gru.weight_hh (the three U), [3 dim,
/// dim], gru.bias_ih, gru.bias_hh [3 dim], in the order r, z, n.
class ResidualGate {
public:
    ResidualGate(const nn::Params& weights, bool gate_residual, int dim);
    [[nodiscard]] Tensor operator()(const Tensor& branch, const Tensor& x) const;

private:
    // empty without a gate
    Tensor weight_ih_, weight_hh_, bias_ih_, bias_hh_;
};

}  // namespace ldm::conditioners
