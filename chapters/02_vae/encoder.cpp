#include "chapters/02_vae/encoder.h"

#include "common/autograd/trace.h"

namespace ldm::vae {

Encoder::Encoder(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      conv_in_(weights / "conv_in", config.in_channels, config.ch),
      mid_(weights / "mid", config.width(config.levels() - 1), config.attn_type),
      norm_out_(weights / "norm_out", config.width(config.levels() - 1), group_norm_eps),
      conv_out_(weights / "conv_out", config.width(config.levels() - 1),
                config.encoded_channels(config.z_channels)) {
    int resolution = config.resolution;
    int in = config.ch;
    for (int i = 0; i < config.levels(); ++i) {
        const auto level = weights / "down" / i;
        const int out = config.width(i);
        down_.push_back({Blocks(level, {.in = in, .out = out, .count = config.num_res_blocks},
                                config.has_attention_at(resolution), config.attn_type),
                         std::nullopt});
        if (i != config.levels() - 1)
            down_.back().downsample.emplace(level / "downsample", out, config.resamp_with_conv);
        resolution /= 2;
        in = out;
    }
}

//! [forward]
Tensor Encoder::operator()(const Tensor& x) const {
    Tensor h = conv_in_(x);  // [N, ch, H, W]
    for (const Level& level : down_) {
        h = level.blocks(h);
        // half as high and wide
        if (level.downsample) h = (*level.downsample)(h);
    }
    h = mid_(h);
    return traced(path_, conv_out_(norm_out_.then_silu(h)));  // [N, 2 z, H / f, W / f]
}
//! [forward]

}  // namespace ldm::vae
