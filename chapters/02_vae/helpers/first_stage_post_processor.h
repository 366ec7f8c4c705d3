#pragma once

#include <functional>
#include <vector>

#include "chapters/02_vae/resample.h"
#include "chapters/02_vae/resnet_block.h"

namespace ldm::vae {

/// A condition out of a picture's latent (FirstStagePostProcessor in diffusionmodules/model.py): a
/// first stage that was trained before encodes, and this makes it smaller and its channels more.
/// The first stage itself gets no gradient.
///
///     h = silu(proj(proj_norm(encode(x)))),   h = mean of 2 x 2 pixels of block(h), for every
///     level
///
/// x [N, …] -> [N, c, h, w], with `reshape` [N, h w, c], a context for cross-attention.
/// Keys proj_norm, proj, model.<level>; those of the first stage are its own (upstream
/// pretrained_model.…). The blocks have a temb_proj, for a time that they are never given.
class FirstStagePostProcessor {
public:
    struct Config {
        /// level i has ch_mult[i] * n_channels channels
        std::vector<int> ch_mult;
        /// of the latent; they are normalized in pairs
        int in_channels = 0;
        /// a multiple of 32. Upstream's default is the first stage's `ch`
        int n_channels = 0;
        bool reshape = false;
    };
    /// A picture to its latent: of a posterior, the mode.
    using Encode = std::function<Tensor(const Tensor& x)>;

    /// Throws an Error for an odd number of in_channels.
    FirstStagePostProcessor(const nn::Params& weights, const Config& config, Encode encode);
    Tensor operator()(const Tensor& x) const;

private:
    Encode encode_;
    bool reshape_;
    nn::GroupNorm proj_norm_;
    nn::Conv2d proj_;
    std::vector<ResnetBlock> model_;
    std::vector<Downsample> downsampler_;
};

}  // namespace ldm::vae
