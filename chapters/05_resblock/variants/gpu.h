#pragma once

#include "common/tensor/tensor.h"

/// Variants of two ops for a GPU: GroupNorm with SiLU, which stands in front of every convolution
/// of a ResBlock, and the convolution. Float32, on the GPU; in a program without CUDA they do not
/// exist. All throw an Error when the shapes do not fit.

namespace ldm::resblock::variants::gpu {

/// y = silu(group_norm(x)): x [N, C, H, W], weight [C], bias [C], groups and eps as in
/// ops::group_norm. There is next to nothing to compute, so a variant is as fast as it rarely moves
/// a number between memory and the processors. The next variant is ops::group_norm_silu.

/// As the equation stands: a thread for every group reads it twice, for its mean and for its
/// variance; a thread for every number normalizes it; a thread for every number applies SiLU. A
/// number is read four times and written twice.
Tensor norm_naive(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias, float eps);

/// The threads of a block read a group together, side by side. The same reads and writes, by many.
Tensor norm_block_per_group(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                            float eps);

/// Fused into one kernel: the block that has mean and variance also normalizes its group and
/// applies SiLU. Three reads and one write.
Tensor norm_fused(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias, float eps);

/// The convolution of ops::conv2d with a 3 x 3 kernel and a padding of 1: x [N, C, H, W], weight
/// [O, C, 3, 3], bias [O] -> y [N, O, H, W]. A sum has 9 C terms, so there is much to compute, and
/// a variant is as fast as it often reuses a number that it has fetched. The next variant is
/// ops::conv2d, which in 16 bits multiplies on tensor cores.

/// As the equation stands: a thread for every number of y. Two numbers are fetched for every
/// multiplication.
Tensor conv_direct(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// im2col: as a product of matrices, weights [O, 9 C] times columns [9 C, H W]. The second is
/// stored first, nine times as large as the picture; then blocks of 16 x 16 threads multiply tiles,
/// as in the variants of chapter 04.
Tensor conv_im2col(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// Implicit GEMM: the same product, but the columns are never stored: where a tile of them is
/// fetched, its numbers are read from the picture.
Tensor conv_implicit_gemm(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace ldm::resblock::variants::gpu
