#pragma once

#include "common/tensor/tensor.h"

/// Three ways to compute the same thing, each a step up from the one before: what one head of
/// attention does, on one thread.
///
///     y_i = sum over j of w_ij v_j,   w_ij = exp(s_ij) / sum over l of exp(s_il),
///     s_ij = q_i . k_j / sqrt(d)
///
/// q [N, d], k [M, d], v [M, e] -> y [N, e]. Throws an Error when the shapes do not fit. What the
/// rest of the project calls is ops::scaled_dot_product_attention.

namespace ldm::attention::variants {

/// As the equation stands, with the whole table of scores: N M numbers of memory.
Tensor naive(const Tensor& q, const Tensor& k, const Tensor& v);

/// The same in tiles: 32 queries at a time walk over blocks of 64 keys, in an order of loops in
/// which the processor multiplies many numbers at once. 32 M numbers of memory.
Tensor tiled(const Tensor& q, const Tensor& k, const Tensor& v);

/// One walk over the keys instead of three: the softmax is kept up to date on the way, so no row of
/// the table is ever complete. 32 x 64 numbers of memory, however many keys there are.
/// (Milakov & Gimelshein, 2018; Rabe & Staats, 2021; Dao et al., 2022, call it FlashAttention.)
Tensor online_softmax(const Tensor& q, const Tensor& k, const Tensor& v);

}  // namespace ldm::attention::variants
