#pragma once

#include <functional>

#include "common/autograd/tape.h"

namespace ldm::train {

/// One term of a loss, differentiated on the spot.
struct LossTerm {
    /// []; the tape in scope sees it as one op of the inputs
    Tensor value;
    /// d value / d input for each; empty where the tape in scope asks for none
    Tensors gradients;
};

/// Evaluates `term`, a number [] made of `inputs`, on a tape of its own.
///
/// The adaptive weight must know what flows back from each of two terms before they are added up;
/// what flows back from the sum is made of the same two parts. So each term is gone through once,
/// and what it needed on the way (the activations of VGG16) is free again when this returns. No
/// gradient flows to anything else that `term` uses: the networks that judge a picture are not
/// trained by it.
LossTerm differentiate(const Tensors& inputs, const std::function<Tensor()>& term);

/// The weights that paint the picture, and the tape that saw it painted.
struct LastLayer {
    const Tape& tape;
    // watched by the tape; decoder.conv_out.weight of an autoencoder
    Tensor weight;
};

/// How much the judge may say beside the other losses (Esser et al., 2021): as much as they do, as
/// felt by the last layer L,
///
///     min(|d nll / d L| / (|d g / d L| + 1e-4), 10^4)
///
/// from what flows back to `picture` from nll and from g. A number without gradient.
float adaptive_weight(const LastLayer& last_layer, const Tensor& picture, const Tensor& grad_of_nll,
                      const Tensor& grad_of_g);

}  // namespace ldm::train
