#include "chapters/02_vae/decoder.h"

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"

namespace ldm::vae {

Decoder::Decoder(const nn::Params& weights, const Config& config)
    : path_(weights.path()),
      give_pre_end_(config.give_pre_end),
      tanh_out_(config.tanh_out),
      conv_in_(weights / "conv_in", config.z_channels, config.width(config.levels() - 1)),
      mid_(weights / "mid", config.width(config.levels() - 1), config.attn_type),
      norm_out_(weights / "norm_out", config.width(0), group_norm_eps),
      conv_out_(weights / "conv_out", config.width(0), config.out_ch) {
    const int last = config.levels() - 1;
    int resolution = config.resolution >> last;
    int in = config.width(last);
    // up.0 has the full resolution, and is executed last
    for (int i = last; i >= 0; --i) {
        const auto level = weights / "up" / i;
        const int out = config.width(i);
        up_.push_back({Blocks(level, {.in = in, .out = out, .count = config.num_res_blocks + 1},
                              config.has_attention_at(resolution), config.attn_type),
                       std::nullopt});
        if (i != 0) up_.back().upsample.emplace(level / "upsample", out, config.resamp_with_conv);
        resolution *= 2;
        in = out;
    }
}

//! [forward]
Tensor Decoder::operator()(const Tensor& z) const {
    Tensor h = mid_(conv_in_(z));  // [N, C, h, w]
    for (const Level& level : up_) {
        h = level.blocks(h);
        // twice as high and wide
        if (level.upsample) h = (*level.upsample)(h);
    }
    if (give_pre_end_) return traced(path_, h);

    h = conv_out_(norm_out_.then_silu(h));  // [N, out_ch, f h, f w]
    return traced(path_, tanh_out_ ? ops::tanh(h) : h);
}
//! [forward]

}  // namespace ldm::vae
