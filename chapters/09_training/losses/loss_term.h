#pragma once

#include <functional>

#include "common/autograd/tape.h"

namespace ldm::train {

/// One term of a loss, with its gradient.
struct LossTerm {
    /// []; on the tape in scope it is one op of the inputs
    Tensor value;
    /// d value / d input for each; empty where the tape in scope needs none
    Tensors gradients;
};

/// Evaluates `term`, a scalar function of `inputs`, on a tape of its own.
///
/// The adaptive weight needs the gradients of two terms separately, and the gradient of their sum
/// is made of the same two. So each term is backpropagated once, and the activations that it needed
/// (VGG16's) are free again when this returns. No gradient reaches anything else that `term` uses:
/// the discriminator and LPIPS are not trained by the generator's loss.
LossTerm differentiate(const Tensors& inputs, const std::function<Tensor()>& term);

/// The weight of the generator's last layer, and the tape that recorded its forward pass.
struct LastLayer {
    const Tape& tape;
    /// watched by the tape; decoder.conv_out.weight of an autoencoder
    Tensor weight;
};

/// The adaptive weight of the adversarial term (Esser et al., 2021; calculate_adaptive_weight): it
/// makes the gradients of g and of nll with respect to the last layer L equally long,
///
///     min(|d nll / d L| / (|d g / d L| + 1e-4), 10^4)
///
/// from their gradients with respect to `picture`. A number, without gradient of its own.
float adaptive_weight(const LastLayer& last_layer, const Tensor& picture, const Tensor& grad_of_nll,
                      const Tensor& grad_of_g);

}  // namespace ldm::train
