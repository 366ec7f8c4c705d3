#pragma once

#include "common/tensor/tensor.h"

/// Two variants for a GPU: what stands in front of every convolution of a ResBlock, and the
/// convolution. Float32, on the GPU; in a program without CUDA they do not exist. All throw an
/// Error when the shapes do not fit.

namespace ldm::resblock::variants::gpu {

/// y = silu(group_norm(x)): x [N, C, H, W], scale [C], offset [C], groups and eps as in
/// ops::group_norm. There is next to nothing to compute, so what a step is worth is how often it
/// lets a number travel between memory and the processors. The step after these is
/// ops::group_norm_silu.

/// As the equation stands: a thread for every group walks it twice, for its mean and for its
/// variance; a thread for every number levels it; a thread for every number bends it. A number is
/// read four times and written twice.
Tensor norm_naive(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset,
                  float eps);

/// The threads of a block walk a group together, side by side. The same reads and writes, by many.
Tensor norm_block_per_group(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset,
                            float eps);

/// One kernel: the block that knows mean and variance levels and bends its group, too. Three reads
/// and one write.
Tensor norm_fused(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset,
                  float eps);

/// The convolution of ops::conv2d with a 3 x 3 kernel and a padding of 1: x [N, C, H, W], weight
/// [O, C, 3, 3], bias [O] -> y [N, O, H, W]. A sum has 9 C terms, so there is much to compute, and
/// a step is worth how often it uses a number that it has fetched. The step after these is
/// ops::conv2d, which in 16 bits multiplies on tensor cores.

/// As the equation stands: a thread for every number of y. Two numbers are fetched for every
/// multiplication.
Tensor conv_direct(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// As a product of matrices, weights [O, 9 C] times patches [9 C, H W]. The second is written down
/// first, nine times as large as the picture; then blocks of 16 x 16 threads multiply tiles, as in
/// the variants of chapter 04.
Tensor conv_im2col(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// The same product of a matrix that nobody writes down: where a tile of it is fetched, its numbers
/// are looked up in the picture.
Tensor conv_implicit_gemm(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace ldm::resblock::variants::gpu
