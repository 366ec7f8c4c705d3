#pragma once

#include <optional>

#include "common/io/json.h"
#include "common/nn/layers.h"

/// What makes a picture larger or smaller between the levels of the UNet (openaimodel.py).
/// The autoencoder has its own two (chapters/02_vae/resample.h): they pad differently.

namespace ldm::resblock {

/// Every pixel becomes four, then a convolution smooths the blocks:
/// [N, channels, H, W] -> [N, out_channels, 2 H, 2 W]. Key conv.
class Upsample {
public:
    /// Without a convolution `out_channels` has no meaning; 0 stands for `channels`.
    Upsample(const nn::Params& weights, int channels, bool use_conv, int out_channels = 0);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    std::optional<nn::Conv2d> conv_;
};

/// A convolution that stops at every second pixel, or the mean of 2 x 2 pixels:
/// [N, channels, H, W] -> [N, out_channels, ceil(H / 2), ceil(W / 2)] with the convolution, whose
/// zero pixels stand on all four sides, and rounded down without. Key op.
class Downsample {
public:
    /// Throws unless out_channels is channels (or 0, which stands for it) when there is no
    /// convolution to change the width.
    Downsample(const nn::Params& weights, int channels, bool use_conv, int out_channels = 0);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    std::optional<nn::Conv2d> op_;
};

/// A transposed convolution: every pixel adds its multiple of the ks x ks kernel, two pixels apart:
/// [N, channels, H, W] -> [N, out_channels, 2 (H - 1) + ks, 2 (W - 1) + ks]. Key up.
class TransposedUpsample {
public:
    TransposedUpsample(const nn::Params& weights, int channels, int out_channels = 0, int ks = 5);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_, up_path_;
    Tensor weight_, bias_;
};

}  // namespace ldm::resblock
