#pragma once

#include "chapters/01_ddpm/sampling.h"

namespace ldm::pipeline {

/// A network that is told what to draw: x [N, C, H, W], t [N], context [N, S, D] -> [N, C, H, W].
using ConditionedModel =
    std::function<Tensor(const Tensor& x, const Tensor& t, const Tensor& context)>;

/// "Classifier-free diffusion guidance" (Ho and Salimans, 2022): the network is asked twice, once
/// with the prompt and once without, and the difference is exaggerated:
///
///   e = e_uncond + scale (e_cond - e_uncond)
///
/// Both questions are one batch, in the order [uncond, cond]. With scale 1, or without `uncond`,
/// only the prompt is asked about. Upstream: p_sample_ddim of ldm/models/diffusion/ddim.py.
ddpm::Denoiser with_guidance(ConditionedModel model, Tensor cond, Tensor uncond, float scale);

}  // namespace ldm::pipeline
