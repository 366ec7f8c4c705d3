#pragma once

#include <vector>

#include "chapters/02_vae/resample.h"
#include "chapters/02_vae/resnet_block.h"

namespace ldm::vae {

/// A decoder of residual blocks and doublings alone: no middle, no attention, no conv_in
/// (UpsampleDecoder in diffusionmodules/model.py). Other than in Decoder, level 0 comes first.
///
///     h = upsample(blocks(h))              for every level, the last without upsample
///     y = conv_out(silu(norm_out(h)))
///
/// x [N, in_channels, H, W] -> [N, out_channels, f H, f W] with f = 2^(levels - 1).
/// Keys res_blocks.<level>.<block>, upsample_blocks.<level>, norm_out, conv_out. Channels must be
/// multiples of 32.
class UpsampleDecoder {
public:
    struct Config {
        int in_channels = 0, out_channels = 0;
        /// level i has ch * ch_mult[i] channels
        int ch = 0;
        std::vector<int> ch_mult = {2, 2};
        /// a level has one block more
        int num_res_blocks = 0;
    };

    /// Throws an Error for no levels.
    UpsampleDecoder(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x) const;

private:
    // [level][block]
    std::vector<std::vector<ResnetBlock>> res_blocks_;
    std::vector<Upsample> upsample_blocks_;
    nn::GroupNorm norm_out_;
    nn::Conv2d conv_out_;
};

}  // namespace ldm::vae
