#pragma once

#include "chapters/01_ddpm/sampling.h"
#include "chapters/07_unet/conditioning.h"

namespace ldm::pipeline {

/// A network with a conditioning: x [N, C, H, W], t [N] -> [N, C, H, W].
using ConditionedModel =
    std::function<Tensor(const Tensor& x, const Tensor& t, const unet::Conditioning& given)>;

/// "Classifier-free diffusion guidance" (Ho and Salimans, 2022): the network predicts twice, once
/// with the prompt and once without, and the difference is exaggerated:
///
///   e = e_uncond + scale (e_cond - e_uncond)
///
/// Both predictions are one batch, in the order [uncond, cond]. With scale 1, or where `uncond` is
/// empty, only `cond` is asked for. Upstream: p_sample_ddim of ldm/models/diffusion/ddim.py.
/// Throws an Error when the two are not of the same kinds and shapes.
[[nodiscard]] ddpm::Denoiser with_guidance(ConditionedModel model, unet::Conditioning cond,
                                           const unet::Conditioning& uncond, float scale);

}  // namespace ldm::pipeline
