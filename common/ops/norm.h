#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Levels groups of channels: every group of C/groups channels of every picture gets mean 0 and
/// variance 1, then each channel its own scale and offset (Wu & He, 2018).
/// x [N, C, ...], scale [C], offset [C]. eps: 1e-5 in the UNet's ResBlocks, 1e-6 in the VAE and at
/// the door of a SpatialTransformer; mixing them up is the field's most common mistake.
Tensor group_norm(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset,
                  float eps);

/// silu of that, as it stands before nearly every convolution, in one pass over the memory. The
/// levelled numbers themselves are never written, not for the gradient either.
Tensor group_norm_silu(const Tensor& x, int groups, const Tensor& scale, const Tensor& offset,
                       float eps);

/// Levels every vector along the last axis (Ba et al., 2016). x [..., D], scale [D], offset [D].
Tensor layer_norm(const Tensor& x, const Tensor& scale, const Tensor& offset, float eps);

}  // namespace ldm::ops
