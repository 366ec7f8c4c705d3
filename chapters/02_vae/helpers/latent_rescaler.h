#pragma once

#include <vector>

#include "chapters/02_vae/attention.h"
#include "chapters/02_vae/resnet_block.h"

namespace ldm::vae {

/// Features of another height and width, by any factor (LatentRescaler in
/// diffusionmodules/model.py): residual blocks, the nearest pixels, attention, residual blocks.
///
///     h = res_block1(conv_in(x)),   y = conv_out(res_block2(attn(nearest(h))))
///
/// x [N, in_channels, H, W] -> [N, out_channels, round(H factor), round(W factor)]; a half is
/// rounded to the even number.
class LatentRescaler {
public:
    struct Config {
        double factor = 1.0;
        int in_channels = 0, mid_channels = 0, out_channels = 0;
        /// blocks before the attention, and as many behind it
        int depth = 2;
    };

    /// Throws an Error for a factor that is not above 0.
    LatentRescaler(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    double factor_;
    nn::Conv2d conv_in_;
    std::vector<ResnetBlock> res_block1_;
    AttnBlock attn_;
    std::vector<ResnetBlock> res_block2_;
    nn::Conv2d conv_out_;
};

}  // namespace ldm::vae
