#pragma once

#include <optional>
#include <vector>

#include "chapters/02_vae/attention.h"
#include "chapters/02_vae/config.h"
#include "chapters/02_vae/resample.h"
#include "chapters/02_vae/resnet_block.h"

namespace ldm::super_resolution {

/// The UNet of "Denoising diffusion probabilistic models" (Ho et al., 2020), from which chapter
/// 07's comes (diffusionmodules/model.py: Model). It is made of the autoencoder's blocks, with the
/// time in each:
///
///     time = dense.1(silu(dense.0(get_timestep_embedding(t))))
///     down:    h = block(h, time) [attn]; skips.push(h);  h = downsample(h); skips.push(h)
///     middle:  h = block_2(attn_1(block_1(h, time)), time)
///     up:      h = block([h, skips.pop()], time) [attn];  h = upsample(h)
///     out  = conv_out(silu(norm_out(h)))
///
/// Keys temb.dense.0, temb.dense.1, conv_in, down.i.block.j, down.i.attn.j, down.i.downsample,
/// mid.…, up.i.…, norm_out, conv_out. up.0 is the highest resolution, and runs last.
class DdpmUNet {
public:
    struct Config {
        /// channels of the first level; level i has ch * ch_mult[i]
        int ch = 0;
        int out_ch = 0;
        std::vector<int> ch_mult = {1, 2, 4, 8};
        /// of a level on the way down; there is one more on the way up
        int num_res_blocks = 0;
        /// levels with attention, by their nominal resolution
        std::vector<int> attn_resolutions;
        bool resamp_with_conv = true;
        int in_channels = 0;
        /// nominal width and height; pictures may have any that can be halved often enough
        int resolution = 0;
        /// whether the time is told
        bool use_timestep = true;
        vae::AttnType attn_type = vae::AttnType::vanilla;

        /// Throws an Error that names a key or value that is not supported.
        static Config from_json(const io::Json& json);
    };

    DdpmUNet(const nn::Params& weights, const Config& config);

    /// x [N, in_channels, H, W], t [N] int32 or float32 (not read without use_timestep)
    /// -> [N, out_ch, H, W]. Throws an Error unless H and W are multiples of 2^(levels - 1).
    [[nodiscard]] Tensor operator()(const Tensor& x, const Tensor& t) const;

private:
    struct Block {
        vae::ResnetBlock resnet;
        std::optional<vae::Attention> attention;

        Tensor operator()(const Tensor& x, const Tensor& time) const;
    };
    struct Down {
        std::vector<Block> blocks;
        std::optional<vae::Downsample> downsample;
    };
    struct Up {
        std::vector<Block> blocks;
        std::optional<vae::Upsample> upsample;
    };
    Block make_block(const nn::Params& level, int index, int in, int out, int resolution) const;
    Tensor time_of(const Tensor& t, DType dtype) const;

    Config config_;
    std::optional<nn::Linear> time_in_, time_out_;
    nn::Conv2d conv_in_;
    std::vector<Down> down_;
    std::optional<Block> middle_1_, middle_2_;
    // in the order of execution
    std::vector<Up> up_;
    nn::GroupNorm norm_out_;
    nn::Conv2d conv_out_;
};

}  // namespace ldm::super_resolution
