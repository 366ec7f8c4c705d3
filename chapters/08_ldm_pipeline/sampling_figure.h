#pragma once

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "common/figures/canvas.h"

namespace ldm::pipeline {

/// How a picture was sampled: for some of the steps, from the first to the last, the latent
/// decoded, and below it the predicted x0; at the right end the picture. Shows the first picture of
/// the batch. Needs a result with keep_steps, and throws an Error for one without.
figures::Canvas sampling_figure(const LatentDiffusion& model, const Txt2ImgResult& result,
                                const std::string& prompt);

}  // namespace ldm::pipeline
