#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Normalizes groups of channels: every group of C/groups channels of every picture gets mean 0 and
/// variance 1, then each channel its own weight and bias (Wu & He, 2018).
/// x [N, C, ...], weight [C], bias [C]. eps: 1e-5 in the UNet's ResBlocks, 1e-6 in the VAE and at
/// the entry of a SpatialTransformer; mixing them up is the field's most common mistake.
[[nodiscard]] Tensor group_norm(const Tensor& x, int groups, const Tensor& weight,
                                const Tensor& bias, float eps);

/// silu of that, as it stands before nearly every convolution, in one pass over the memory. The
/// normalized numbers themselves are never written, not for the gradient either.
[[nodiscard]] Tensor group_norm_silu(const Tensor& x, int groups, const Tensor& weight,
                                     const Tensor& bias, float eps);

/// Normalizes every vector along the last axis (Ba et al., 2016). x [..., D], weight [D], bias [D].
[[nodiscard]] Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                float eps);

}  // namespace ldm::ops
