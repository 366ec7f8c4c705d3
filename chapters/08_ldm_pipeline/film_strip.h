#pragma once

#include "chapters/08_ldm_pipeline/txt2img.h"

namespace ldm::pipeline {

/// How a picture came about: for some of the steps, from the first to the last, the latent decoded
/// as it was, and below it what the model predicts the end to be (pred_x0); at the right end the
/// picture.
image::Image film_strip(const LatentDiffusion& model, const Txt2ImgResult& result,
                        const std::string& title);

}  // namespace ldm::pipeline
