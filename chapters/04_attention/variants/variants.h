#pragma once

#include "common/tensor/tensor.h"

/// Three implementations of one head of attention, on one thread, each better than the one before.
///
///     y_i = sum over j of a_ij v_j,   a_ij = exp(r_ij) / sum over l of exp(r_il),
///     r_ij = q_i . k_j / sqrt(d)
///
/// q [S, d], k [M, d], v [M, e] -> y [S, e]. Throws an Error when the shapes do not fit. What the
/// rest of the project calls is ops::scaled_dot_product_attention.

namespace ldm::attention::variants {

/// As the equation stands, with the whole table of S M scores in memory.
Tensor naive(const Tensor& q, const Tensor& k, const Tensor& v);

/// Tiled: 32 queries at a time against blocks of 64 keys, in an order of loops that the compiler
/// turns into vector instructions. 32 M scores in memory.
Tensor tiled(const Tensor& q, const Tensor& k, const Tensor& v);

/// One pass over the keys instead of three: maximum and sum of the softmax are updated with every
/// block of keys, so no row of the table is ever complete. 64 scores in memory, however many keys
/// there are. (Milakov & Gimelshein, 2018; Rabe & Staats, 2021; Dao et al., 2022, call it
/// FlashAttention.)
Tensor online_softmax(const Tensor& q, const Tensor& k, const Tensor& v);

}  // namespace ldm::attention::variants
