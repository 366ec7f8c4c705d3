#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// What a batch says about each of its channels, over all pictures and all their pixels: [C] each.
/// The variance is the biased one, divided by the count of numbers and not by one less.
struct ChannelStatistics {
    Tensor mean, variance;
};

struct BatchNormed {
    Tensor y;
    /// these have no gradient
    ChannelStatistics moments;
};

/// Normalizes every channel over the whole batch (Ioffe & Szegedy, 2015):
///
///     y = (x - mean) / sqrt(variance + eps) * weight + bias
///
/// with the mean and the variance of x itself, which the gradient goes through as well.
/// x [N, C, ...], weight [C], bias [C]. An Error when a channel has a single number: it has no
/// variance.
[[nodiscard]] BatchNormed batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                     float eps);

/// The same with moments that were measured earlier, as when a network is used and not trained.
/// They may change afterwards: the gradient belongs to what they are now.
[[nodiscard]] Tensor batch_norm(const Tensor& x, const ChannelStatistics& moments,
                                const Tensor& weight, const Tensor& bias, float eps);

}  // namespace ldm::ops
