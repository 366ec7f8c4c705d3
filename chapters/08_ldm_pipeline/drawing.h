#pragma once

#include <functional>

#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/08_ldm_pipeline/txt2img.h"

namespace ldm::pipeline {

/// Where a drawing begins, if not with noise alone, and what the UNet sees beside the prompt: what
/// img2img and inpainting (chapter 11) have and txt2img has not.
struct Beginning {
    /// latents to be noised as far as the first step, [N, C, h, w]; empty: noise alone
    Tensor z0 = {};
    /// how many of the sampler's steps are left out
    int first_step = 0;
    /// the noise to begin with, [N, C, h, w]; empty: the next of the stream
    Tensor noise = {};
    /// latents that are known in part
    ddpm::Known known = {};
    /// the UNet, asked in another way: with further channels, in crops
    std::function<ConditionedModel(const ConditionedModel& unet)> ask = {};
    Guide guide = guided;
    /// what each picture is told in place of its prompt; empty: the prompt
    std::vector<PictureContexts> contexts = {};
    /// The guided prediction, changed: by a classifier.
    std::function<ddpm::Denoiser(ddpm::Denoiser guided)> change = {};
};

/// A stream of noise for each picture of the request, so that none depends on its neighbours.
[[nodiscard]] ddpm::Noise noise_of(const Txt2ImgRequest& request, Device device);

/// From words to pictures: encode the prompts, draw noise, let the sampler take it away step by
/// step, decode. `noise` is that of noise_of(), of which the caller may have taken some. Throws as
/// txt2img() does.
[[nodiscard]] Txt2ImgResult draw(const LatentDiffusion& model, const Txt2ImgRequest& request,
                                 const ddpm::Noise& noise, const Beginning& beginning = {},
                                 const ddpm::Observer& observer = {});

}  // namespace ldm::pipeline
