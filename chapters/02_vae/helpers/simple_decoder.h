#pragma once

#include "chapters/02_vae/resample.h"
#include "chapters/02_vae/resnet_block.h"

namespace ldm::vae {

/// The smallest decoder there is (SimpleDecoder in diffusionmodules/model.py): three residual
/// blocks between two 1x1 convolutions, one doubling of the size, no attention.
///
///     h = upsample(conv(block(block(block(conv(x))))))       channels c -> 2c -> 4c -> 2c -> c
///     y = conv_out(silu(norm_out(h)))
///
/// x [N, in_channels, H, W] -> [N, out_channels, 2 H, 2 W]; in_channels a multiple of 32.
/// Keys model.0 … model.5, norm_out, conv_out.
class SimpleDecoder {
public:
    SimpleDecoder(const nn::Params& weights, int in_channels, int out_channels);
    Tensor operator()(const Tensor& x) const;

private:
    nn::Conv2d conv_first_;
    ResnetBlock wider_, widest_, narrower_;
    nn::Conv2d conv_last_;
    Upsample upsample_;
    nn::GroupNorm norm_out_;
    nn::Conv2d conv_out_;
};

}  // namespace ldm::vae
