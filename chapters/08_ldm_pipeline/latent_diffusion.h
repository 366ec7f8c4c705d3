#pragma once

#include <string>
#include <vector>

#include "chapters/01_ddpm/schedule.h"
#include "chapters/03_clip/prompt_encoder.h"
#include "chapters/07_unet/unet_model.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/08_ldm_pipeline/model_files.h"

namespace ldm::pipeline {

/// The whole model: words in, pictures out, noise in between (Rombach et al., 2022; ddpm.py:
/// LatentDiffusion). It owns the three networks and knows how they fit together; walking from
/// noise to picture is a sampler's work.
///
///     context = text_encoder(tokens(prompt))      what to draw
///     e       = unet(z, t, context)               which part of z is noise
///     picture = decoder(z / scale_factor)         z has variance 1, the autoencoder's latents not
class LatentDiffusion {
public:
    /// Takes its weights from the files, and computes where and in what type their checkpoint hands
    /// them out. Throws one Error that lists every weight that is missing or has another shape.
    explicit LatentDiffusion(const ModelFiles& files);

    const ddpm::Schedule& schedule() const { return schedule_; }

    /// Where latents, contexts and pictures are.
    Device device() const { return device_; }

    /// What a prompt of this model looks like to the UNet: [N, S, D]. Words beyond the S tokens are
    /// cut; `cut`, if given, receives them for each prompt. Throws for invalid UTF-8. In the type
    /// of the weights, as the UNet wants it; all other tensors here are float32, whatever the
    /// networks compute with.
    Tensor encode_prompts(const std::vector<std::string>& prompts,
                          std::vector<std::string>* cut = nullptr) const;

    /// The UNet's answer, in the schedule's parameterization: z [N, C, h, w], t [N], context [N, S,
    /// D].
    Tensor operator()(const Tensor& z, const Tensor& t, const Tensor& context) const;

    /// z [N, C, h, w] -> pictures [N, 3, H, W] with values around [-1, 1].
    Tensor decode(const Tensor& z) const;

    /// The shape of n latents of pictures of this size. Throws unless both are multiples of
    /// size_step().
    Shape latent_shape(std::int64_t n, int width, int height) const;

    /// Widths and heights must be multiples of this: the autoencoder's factor times the UNet's.
    int size_step() const { return autoencoder_factor_ * unet_.config().down_factor(); }

    /// The size the model was trained for.
    int image_size() const { return image_size_; }

private:
    ddpm::Schedule schedule_;
    Device device_;
    DType dtype_;
    int image_size_, autoencoder_factor_;
    clip::PromptEncoder prompt_encoder_;
    unet::UNetModel unet_;
    FirstStageDecoder first_stage_decoder_;
};

}  // namespace ldm::pipeline
