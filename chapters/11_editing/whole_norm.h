#pragma once

#include <vector>

#include "common/nn/layers.h"

namespace ldm::editing {

/// Mean and variance of groups of channels, of a feature map that is seen in parts: of every number
/// once, whatever the parts. Parts are joined as by Chan, Golub and LeVeque, "Algorithms for
/// computing the sample variance" (1983), equation 2.1, in double precision.
class GroupMoments {
public:
    explicit GroupMoments(int groups) : groups_(groups) {}

    /// A part [N, C, rows, W] of a map. Throws an Error if its N differs from that of the part
    /// before, or if `groups` does not divide C.
    void add(const Tensor& part);

    /// Of group i, picture by picture: N times `groups` of them, each over C / groups channels.
    const std::vector<double>& mean() const { return mean_; }
    double variance(std::size_t i) const { return squares_[i] / count_; }
    int groups() const { return groups_; }

private:
    int groups_;
    // numbers of a group so far
    double count_ = 0;
    // squares of what a number differs from the mean, summed
    std::vector<double> mean_, squares_;
};

/// The GroupNorm of a whole map, to be applied to a part of it: by the map's mean and variance and
/// not by those of the part.
class WholeNorm {
public:
    WholeNorm(const nn::GroupNorm& norm, const GroupMoments& moments);

    /// silu((x - mean) / sqrt(variance + eps) weight + bias), x [N, C, rows, W] -> the same shape.
    [[nodiscard]] Tensor then_silu(const Tensor& x) const;

private:
    // [N, C, 1, 1] each, where the norm's weights are
    Tensor factor_, term_;
};

}  // namespace ldm::editing
