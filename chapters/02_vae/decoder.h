#pragma once

#include <optional>
#include <vector>

#include "chapters/02_vae/resample.h"
#include "chapters/02_vae/stage.h"

namespace ldm::vae {

/// Latent to picture (Decoder in diffusionmodules/model.py).
///
///     h = mid(conv_in(z))
///     h = upsample(blocks(h))              for every level from the last to the first,
///                                          the first without upsample
///     y = conv_out(silu(norm_out(h)))
///
/// z [N, z_channels, h, w] -> [N, out_ch, f h, f w] with f = 2^(levels - 1).
class Decoder {
public:
    Decoder(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& z) const;

private:
    struct Level {
        Blocks blocks;
        std::optional<Upsample> upsample;
    };

    std::string path_;
    bool give_pre_end_, tanh_out_;
    nn::Conv2d conv_in_;
    Middle mid_;
    // in the order of execution: the last level first
    std::vector<Level> up_;
    nn::GroupNorm norm_out_;
    nn::Conv2d conv_out_;
};

}  // namespace ldm::vae
