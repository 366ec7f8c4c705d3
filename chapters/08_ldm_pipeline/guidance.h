#pragma once

#include <functional>

#include "chapters/01_ddpm/sampling.h"
#include "chapters/07_unet/conditioning.h"

namespace ldm::pipeline {

/// A network with a conditioning: x [N, C, H, W], t [N] int32 or float32 -> its prediction
/// [N, C, H, W].
using ConditionedModel =
    std::function<Tensor(const Tensor& x, const Tensor& t, const unet::Conditioning& given)>;

/// "Classifier-free diffusion guidance" (Ho and Salimans, 2022): the network predicts twice, once
/// with the prompt and once without, and the difference is scaled by s = `scale`:
///
///   eps = eps_uncond + s (eps_cond - eps_uncond)
///
/// Both predictions are one batch, in the order [uncond, cond]. With s = 1, or where `uncond` is
/// empty, only `cond` is asked for, and the two are not compared. Else throws an Error unless both
/// are of the same kinds and shapes; both have the N of x. Upstream: p_sample_ddim of
/// ldm/models/diffusion/ddim.py.
[[nodiscard]] ddpm::Denoiser with_guidance(const ConditionedModel& model,
                                           const unet::Conditioning& cond,
                                           const unet::Conditioning& uncond, float scale);

}  // namespace ldm::pipeline
