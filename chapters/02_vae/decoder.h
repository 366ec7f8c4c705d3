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
    struct Level {
        Blocks blocks;
        std::optional<Upsample> upsample;
    };

    Decoder(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& z) const;

    // its parts, for those who compute it in tiles
    const nn::Conv2d& conv_in() const { return conv_in_; }
    const Middle& middle() const { return mid_; }
    const std::vector<Level>& levels() const { return up_; }
    const nn::GroupNorm& norm_out() const { return norm_out_; }
    const nn::Conv2d& conv_out() const { return conv_out_; }
    bool gives_pre_end() const { return give_pre_end_; }
    bool has_tanh_out() const { return tanh_out_; }

private:
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
