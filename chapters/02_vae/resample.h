#pragma once

#include <optional>

#include "common/nn/layers.h"

/// What makes a picture larger or smaller between the levels of the autoencoder (Upsample and
/// Downsample in diffusionmodules/model.py).

namespace ldm::vae {

/// Every pixel becomes four, then a convolution smooths the blocks:
/// [N, channels, H, W] -> [N, channels, 2 H, 2 W]. Key conv.
class Upsample {
public:
    Upsample(const nn::Params& weights, int channels, bool with_conv);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    std::optional<nn::Conv2d> conv_;
};

/// A convolution that stops at every second pixel, or the mean of 2 x 2 pixels:
/// [N, channels, H, W] -> [N, channels, H / 2, W / 2], rounded down. Key conv.
///
/// The zero pixels stand on the right and at the bottom only, unlike the UNet's Downsample: with
/// them on all sides everything moves by half a pixel, and the picture is still plausible.
class Downsample {
public:
    Downsample(const nn::Params& weights, int channels, bool with_conv);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    std::optional<nn::Conv2d> conv_;
};

}  // namespace ldm::vae
