#pragma once

#include <functional>
#include <vector>

#include "chapters/01_ddpm/sampling.h"
#include "chapters/07_unet/conditioning.h"

namespace ldm::pipeline {

/// A network with a conditioning: x [N, C, H, W], t [N] int32 or float32 -> its prediction
/// [N, C, H, W].
using ConditionedModel =
    std::function<Tensor(const Tensor& x, const Tensor& t, const unet::Conditioning& given)>;

/// "Classifier-free diffusion guidance" (Ho and Salimans, 2022): the network predicts twice, once
/// with the prompt and once without, and the difference is scaled by s = `scale`. With several
/// prompts, each has its difference and its weight ("Compositional visual generation with
/// composable diffusion models", Liu et al., 2022):
///
///   eps = eps_uncond + s sum_i w_i (eps_i - eps_uncond)
///
/// The result is given the conditionings of all predictions as one batch, in the order [uncond,
/// cond_1, cond_2, …], N each. weights[i] is w_i, [N, 1, 1, 1]; an empty one is 1 for all.
/// Upstream: p_sample_ddim of ldm/models/diffusion/ddim.py, and for several prompts
/// combine_denoised of A1111's modules/sd_samplers_cfg_denoiser.py.
[[nodiscard]] ConditionedModel guided(const ConditionedModel& model,
                                      const std::vector<Tensor>& weights, float scale);

/// guided() or another way of guiding, of the same arguments.
using Guide = std::function<ConditionedModel(const ConditionedModel& model,
                                             const std::vector<Tensor>& weights, float scale)>;

/// The same with one prompt of weight 1. With s = 1, or where `uncond` is empty, only `cond` is
/// asked for, and the two are not compared. Else throws an Error unless both are of the same kinds
/// and shapes; both have the N of x.
[[nodiscard]] ddpm::Denoiser with_guidance(const ConditionedModel& model,
                                           const unet::Conditioning& cond,
                                           const unet::Conditioning& uncond, float scale);

}  // namespace ldm::pipeline
