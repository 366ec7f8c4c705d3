#pragma once

#include <functional>

#include "common/autograd/tape.h"

namespace ldm {

/// f(), with little memory: intermediate results of f are forgotten, and computed once more when
/// the gradients need it. For each block of a network, this trades the memory of all blocks for
/// that of one and about a third more time (Chen et al., 2016). Gradients are, to the last bit,
/// those without it.
///
///     Tensor ResBlock::operator()(const Tensor& x, const Tensor& emb) const {
///         return checkpoint([*this, x, emb] { return forward(x, emb); });
///     }
///
/// f is saved with the Tape: it should hold what it uses by value. It must compute the same both
/// times, so noise comes in from outside. It may use any watched tensor, or what was computed from
/// one, whether or not it was mentioned here. Without a Tape in scope this is f().
[[nodiscard]] Tensor checkpoint(std::function<Tensor()> f);

}  // namespace ldm
