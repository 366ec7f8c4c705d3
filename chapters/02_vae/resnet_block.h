#pragma once

#include <optional>

#include "common/nn/layers.h"

namespace ldm::vae {

/// Looks at a picture twice and adds what it found (ResnetBlock in diffusionmodules/model.py).
///
///     h = conv1(silu(norm1(x))) [+ temb_proj(silu(temb))]
///     y = shortcut(x) + conv2(silu(norm2(h)))
///
/// The autoencoder knows no time; upstream's older UNet uses the same block with a time embedding.
class ResnetBlock {
public:
    struct Config {
        int in_channels = 0;
        // 0: as many as came in
        int out_channels = 0;
        // 0: no time
        int temb_channels = 0;
        // the shortcut looks at 3x3 pixels instead of one
        bool conv_shortcut = false;
    };

    ResnetBlock(const nn::Params& weights, Config config);

    /// x [N, in_channels, H, W], temb [N, temb_channels] or empty -> [N, out_channels, H, W].
    Tensor operator()(const Tensor& x, const Tensor& temb = {}) const;

private:
    std::string path_;
    nn::GroupNorm norm1_;
    nn::Conv2d conv1_;
    std::optional<nn::Linear> temb_proj_;
    nn::GroupNorm norm2_;
    nn::Conv2d conv2_;
    // only needed when the width changes
    std::optional<nn::Conv2d> shortcut_;
};

}  // namespace ldm::vae
