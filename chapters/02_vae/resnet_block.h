#pragma once

#include <optional>

#include "common/nn/layers.h"

namespace ldm::vae {

/// A residual block: two convolutions and a skip connection (ResnetBlock in
/// diffusionmodules/model.py).
///
///     h = conv1(silu(norm1(x))) [+ temb_proj(silu(temb))]
///     y = shortcut(x) + conv2(silu(norm2(h)))
///
/// The autoencoder has no time embedding; upstream's older UNet uses the same block with one.
class ResnetBlock {
public:
    struct Config {
        int in_channels = 0;
        /// 0: as many as in the input
        int out_channels = 0;
        /// 0: no time embedding
        int temb_channels = 0;
        /// the skip connection is a 3x3 convolution instead of a 1x1
        bool conv_shortcut = false;
    };

    ResnetBlock(const nn::Params& weights, Config config);

    /// x [N, in_channels, H, W], temb [N, temb_channels] or empty -> [N, out_channels, H, W].
    Tensor operator()(const Tensor& x, const Tensor& temb = {}) const;

    // its parts, for those who compute it in tiles
    const nn::GroupNorm& norm1() const { return norm1_; }
    const nn::Conv2d& conv1() const { return conv1_; }
    const nn::GroupNorm& norm2() const { return norm2_; }
    const nn::Conv2d& conv2() const { return conv2_; }
    /// The skip connection: x itself, or a convolution of it where the width changes.
    Tensor skip(const Tensor& x) const { return shortcut_ ? (*shortcut_)(x) : x; }

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
