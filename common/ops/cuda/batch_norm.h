#pragma once

#include "common/ops/cpu/batch_norm.h"

namespace ldm::ops::cuda {

using cpu::BatchNorm, cpu::BatchNormGradients, cpu::ChannelNorm, cpu::Statistics;

ChannelNorm channel_norm_of(const Tensor& mean, const Tensor& variance, float eps);
Tensor normalize_channels(const Tensor& x, const ChannelNorm& norm, const Tensor& weight,
                          const Tensor& bias);
BatchNorm batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);
BatchNormGradients batch_norm_backward(const Tensor& dy, const Tensor& x, const ChannelNorm& norm,
                                       const Tensor& weight, Statistics moments);

}  // namespace ldm::ops::cuda
