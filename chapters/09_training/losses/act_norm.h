#pragma once

#include "chapters/09_training/losses/batch_norm.h"

namespace ldm::train {

/// A trained scale and offset for every channel (ActNorm in taming's util.py; Kingma & Dhariwal,
/// 2018):
///
///     y = scale (x + loc)
///
/// Data-dependent initialization: they begin so that the first batch of the training is normalized
/// to mean 0 and standard deviation 1 in every channel.
///
/// x [N, channels, H, W]. Keys loc, scale [1, channels, 1, 1] and initialized, which is 0 before
/// that batch and 1 after it; a checkpoint without it has been trained.
class ActNorm {
public:
    ActNorm(const nn::Params& weights, int channels);

    /// Changes loc, scale and initialized at the first batch, in the memory they share with the
    /// checkpoint.
    Tensor operator()(const Tensor& x, Mode mode);

private:
    bool is_initialized() const;
    void initialize(const Tensor& x);

    std::string path_;
    Tensor loc_, scale_;
    // or empty
    Tensor initialized_;
};

}  // namespace ldm::train
