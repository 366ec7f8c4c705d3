#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

/// What is taken off every number of a channel, and what it is then multiplied by: [C] each.
struct ChannelNorm {
    Tensor mean;
    // 1 / sqrt(variance + eps)
    Tensor inverse_deviation;
};

/// Copies of the moments, ready for use.
ChannelNorm channel_norm_of(const Tensor& mean, const Tensor& variance, float eps);

/// (x - mean) inverse_deviation weight + bias, all of them by channel; x [N, C, ...].
Tensor normalize_channels(const Tensor& x, const ChannelNorm& norm, const Tensor& weight,
                          const Tensor& bias);

struct BatchNorm {
    Tensor y;
    ChannelNorm norm;
    // [C], divided by the count
    Tensor variance;
};

/// The same with the mean and the variance of x itself.
BatchNorm batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);

/// Whether mean and variance depend on x.
enum class Statistics { of_batch, given };

struct BatchNormGradients {
    Tensor x, weight, bias;
};

BatchNormGradients batch_norm_backward(const Tensor& dy, const Tensor& x, const ChannelNorm& norm,
                                       const Tensor& weight, Statistics moments);

}  // namespace ldm::ops::cpu
