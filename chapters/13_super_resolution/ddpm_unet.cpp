#include "chapters/13_super_resolution/ddpm_unet.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/01_ddpm/time_embedding.h"
#include "common/error.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::super_resolution {

DdpmUNet::Config DdpmUNet::Config::from_json(const io::Json& json) {
    io::expect_only_keys(
        json,
        {"ch", "out_ch", "ch_mult", "num_res_blocks", "attn_resolutions", "dropout",
         "resamp_with_conv", "in_channels", "resolution", "use_timestep", "attn_type"},
        "Model");
    // the autoencoder's settings have the same names
    io::Json shared = json;
    shared.erase("use_timestep");
    shared["z_channels"] = 1;
    if (!io::has(json, "ch_mult")) shared["ch_mult"] = {1, 2, 4, 8};
    const vae::Config config = vae::Config::from_json(shared);
    return {.ch = config.ch,
            .out_ch = config.out_ch,
            .ch_mult = config.ch_mult,
            .num_res_blocks = config.num_res_blocks,
            .attn_resolutions = config.attn_resolutions,
            .resamp_with_conv = config.resamp_with_conv,
            .in_channels = config.in_channels,
            .resolution = config.resolution,
            .use_timestep = io::get_or(json, "use_timestep", true),
            .attn_type = config.attn_type};
}

DdpmUNet::Block DdpmUNet::make_block(const nn::Params& level, int index, int in, int out,
                                     int resolution) const {
    const int time = config_.use_timestep ? 4 * config_.ch : 0;
    Block block{
        {level / "block" / index, {.in_channels = in, .out_channels = out, .temb_channels = time}},
        {}};
    if (std::ranges::count(config_.attn_resolutions, resolution) > 0)
        block.attention.emplace(level / "attn" / index, out, config_.attn_type);
    return block;
}

DdpmUNet::DdpmUNet(const nn::Params& weights, const Config& config)
    : config_(config),
      conv_in_(weights / "conv_in", config.in_channels, config.ch),
      norm_out_(weights / "norm_out", config.ch * config.ch_mult[0], vae::group_norm_eps),
      conv_out_(weights / "conv_out", config.ch * config.ch_mult[0], config.out_ch) {
    const int time = 4 * config.ch, levels = static_cast<int>(config.ch_mult.size());
    if (config.use_timestep) {
        time_in_.emplace(weights / "temb" / "dense" / 0, config.ch, time);
        time_out_.emplace(weights / "temb" / "dense" / 1, time, time);
    }
    // the widths that wait on the stack
    std::vector<int> skips = {config.ch};
    int now = config.ch, resolution = config.resolution;
    for (int i = 0; i < levels; ++i, resolution /= 2) {
        const nn::Params level = weights / "down" / i;
        Down& down = down_.emplace_back();
        for (int j = 0; j < config.num_res_blocks; ++j) {
            down.blocks.push_back(
                make_block(level, j, now, config.ch * config.ch_mult[i], resolution));
            skips.push_back(now = config.ch * config.ch_mult[i]);
        }
        if (i + 1 == levels) break;
        down.downsample.emplace(level / "downsample", now, config.resamp_with_conv);
        skips.push_back(now);
    }

    const vae::ResnetBlock::Config same{.in_channels = now,
                                        .temb_channels = config.use_timestep ? time : 0};
    const nn::Params mid = weights / "mid";
    middle_1_ =
        Block{{mid / "block_1", same}, vae::Attention(mid / "attn_1", now, config.attn_type)};
    middle_2_ = Block{{mid / "block_2", same}, {}};

    for (int i = levels - 1; i >= 0; --i, resolution *= 2) {
        const nn::Params level = weights / "up" / i;
        Up& up = up_.emplace_back();
        for (int j = 0; j <= config.num_res_blocks; ++j) {
            const int out = config.ch * config.ch_mult[i];
            up.blocks.push_back(make_block(level, j, now + skips.back(), out, resolution));
            skips.pop_back();
            now = out;
        }
        if (i > 0) up.upsample.emplace(level / "upsample", now, config.resamp_with_conv);
    }
}

Tensor DdpmUNet::Block::operator()(const Tensor& x, const Tensor& time) const {
    const Tensor h = resnet(x, time);
    return attention ? (*attention)(h) : h;
}

Tensor DdpmUNet::time_of(const Tensor& t, DType dtype) const {
    if (!time_in_) return {};
    const Tensor waves = ddpm::get_timestep_embedding(t, config_.ch);    // [N, ch]
    return (*time_out_)(ops::silu((*time_in_)(ops::to(waves, dtype))));  // [N, 4 ch]
}

//! [forward]
Tensor DdpmUNet::operator()(const Tensor& x, const Tensor& t) const {
    const auto [n, channels, height, width] = x.dims<4>();
    expect_shape(x, {n, config_.in_channels, height, width});
    const int factor = 1 << (static_cast<int>(config_.ch_mult.size()) - 1);
    if (height % factor != 0 || width % factor != 0)
        throw Error(fmt::format("a picture of {} x {} does not fit: both must be multiples of {}",
                                height, width, factor));
    const Tensor time = time_of(t, x.dtype());

    Tensor h = conv_in_(x);  // [N, ch, H, W]
    std::vector<Tensor> skips{h};
    for (const Down& down : down_) {
        for (const Block& block : down.blocks) skips.push_back(h = block(h, time));
        if (down.downsample) skips.push_back(h = (*down.downsample)(h));
    }
    h = (*middle_2_)((*middle_1_)(h, time), time);
    for (const Up& up : up_) {
        for (const Block& block : up.blocks) {
            h = block(ops::concat({h, skips.back()}, 1), time);
            skips.pop_back();
        }
        if (up.upsample) h = (*up.upsample)(h);
    }
    return conv_out_(norm_out_.then_silu(h));  // [N, out_ch, H, W]
}
//! [forward]

}  // namespace ldm::super_resolution
