#pragma once

#include "common/ops/cpu/batch_norm.h"

namespace ldm::ops::cuda {

using cpu::BatchNorm, cpu::BatchNormGradients, cpu::ChannelLevels, cpu::Moments;

ChannelLevels levels_of(const Tensor& mean, const Tensor& variance, float eps);
Tensor level_channels(const Tensor& x, const ChannelLevels& levels, const Tensor& scale,
                      const Tensor& offset);
BatchNorm batch_norm(const Tensor& x, const Tensor& scale, const Tensor& offset, float eps);
BatchNormGradients batch_norm_backward(const Tensor& dy, const Tensor& x,
                                       const ChannelLevels& levels, const Tensor& scale,
                                       Moments moments);

}  // namespace ldm::ops::cuda
