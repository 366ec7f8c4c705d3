#pragma once

#include "common/tensor/tensor.h"

/// Choices as vectors, and back.

namespace ldm::vae {

/// indices [...] int32 below n -> [..., n], a 1 at the index and zeros elsewhere.
[[nodiscard]] Tensor one_hot(const Tensor& indices, std::int64_t n);

/// The place of the largest number along the last axis, the first of several: [..., n] -> [...]
/// int32. NaN counts as the largest, as in PyTorch.
[[nodiscard]] Tensor argmax(const Tensor& x);

/// How many of n entries are in use: exp of the entropy of their shares, from 1 (always the same)
/// to n (all equally often); a measure to watch while a codebook is trained. []
///
///     p_k = share of entry k,   perplexity = exp(-sum over k of p_k log(p_k + 1e-10))
[[nodiscard]] Tensor perplexity(const Tensor& indices, std::int64_t n);

}  // namespace ldm::vae
