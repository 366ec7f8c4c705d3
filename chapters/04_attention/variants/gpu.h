#pragma once

#include "common/tensor/tensor.h"

/// The same three variants for a GPU. The same shapes as in variants.h, float32, on the GPU; in a
/// program without CUDA they do not exist. The next variant is ops::scaled_dot_product_attention in
/// 16 bits, which multiplies on tensor cores.

namespace ldm::attention::variants::gpu {

/// As the equation stands: a thread for every number of the table of scores, one for every row of
/// it, one for every number of the result. Each reads all it needs from the GPU's memory.
Tensor naive(const Tensor& q, const Tensor& k, const Tensor& v);

/// The same table, but both products by blocks of 16 x 16 threads that read 16 x 16 numbers of each
/// operand once, for all of them; and a whole block for every row of the softmax.
Tensor tiled(const Tensor& q, const Tensor& k, const Tensor& v);

/// No table: a thread has a query in registers and goes through the keys tile by tile with the rest
/// of its block. At most 64 channels, or they would not fit; more are an Error.
Tensor online_softmax(const Tensor& q, const Tensor& k, const Tensor& v);

}  // namespace ldm::attention::variants::gpu
