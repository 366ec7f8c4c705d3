#pragma once

#include <functional>

#include "common/tensor/tensor.h"

/// The interface of every sampler, here and in chapter 08.

namespace ldm::ddpm {

/// The network: x [N, C, H, W] and its times t [N] -> its prediction [N, C, H, W]. t is int32 from
/// the samplers that stop at whole steps, and may be float32 (fractional) from others.
using Denoiser = std::function<Tensor(const Tensor& x, const Tensor& t)>;

/// Where the noise comes from: a shape -> standard normal numbers. Called once per use and in the
/// order of upstream's calls, so that one seeded generator draws the same pictures as there.
using Noise = std::function<Tensor(const Shape& shape)>;

/// One step of a sampler, for an Observer: progress bars, film strips.
struct SamplerStep {
    /// counts down; 0 is the last step
    int index;
    /// how many steps there are
    int count;
    /// the time that the network was given
    int t;
    /// the picture after the step, [N, C, H, W]
    const Tensor& x;
    /// the predicted x0, [N, C, H, W]
    const Tensor& pred_x0;
};

/// Called after each step. Returns whether to go on: false stops the sampler, which then returns
/// what it has.
using Observer = std::function<bool(const SamplerStep& step)>;

/// The part of the picture that is known already: only the rest is sampled (inpainting).
struct Known {
    /// the known picture [N, C, H, W]
    Tensor x0;
    /// [N, 1, H, W]: 1 where x0 is known, 0 where to sample. Empty: sample everything
    Tensor mask;
    /// [N, C, H, W]: what x0 is noised with at every step (diffusers). Empty: new noise each time
    /// (CompVis)
    Tensor noise = {};
};

}  // namespace ldm::ddpm
