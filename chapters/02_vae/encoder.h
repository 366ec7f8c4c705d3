#pragma once

#include <optional>
#include <vector>

#include "chapters/02_vae/resample.h"
#include "chapters/02_vae/stage.h"

namespace ldm::vae {

/// Picture to the moments of its latent (Encoder in diffusionmodules/model.py).
///
///     h = conv_in(x)
///     h = downsample(blocks(h))            for every level, the last without downsample
///     y = conv_out(silu(norm_out(mid(h))))
///
/// x [N, in_channels, H, W] -> [N, 2 z_channels, H / f, W / f] with f = 2^(levels - 1); z_channels
/// without double_z.
class Encoder {
public:
    struct Level {
        Blocks blocks;
        std::optional<Downsample> downsample;
    };

    Encoder(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x) const;

    // its parts, for those who compute it in tiles
    const nn::Conv2d& conv_in() const { return conv_in_; }
    const Middle& middle() const { return mid_; }
    const std::vector<Level>& levels() const { return down_; }
    const nn::GroupNorm& norm_out() const { return norm_out_; }
    const nn::Conv2d& conv_out() const { return conv_out_; }

private:
    std::string path_;
    nn::Conv2d conv_in_;
    std::vector<Level> down_;
    Middle mid_;
    nn::GroupNorm norm_out_;
    nn::Conv2d conv_out_;
};

}  // namespace ldm::vae
