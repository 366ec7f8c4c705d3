#include "chapters/02_vae/helpers/upsample_decoder.h"

#include "chapters/02_vae/config.h"
#include "common/error.h"

namespace ldm::vae {
namespace {

int last_width(const UpsampleDecoder::Config& config) {
    if (config.ch_mult.empty())
        throw Error("UpsampleDecoder: 'ch_mult' must have an entry for each level");
    return config.ch * config.ch_mult.back();
}

}  // namespace

UpsampleDecoder::UpsampleDecoder(const nn::Params& weights, const Config& config)
    : norm_out_(weights / "norm_out", last_width(config), group_norm_eps),
      conv_out_(weights / "conv_out", last_width(config), config.out_channels) {
    const int levels = static_cast<int>(config.ch_mult.size());
    int in = config.in_channels;
    for (int i = 0; i < levels; ++i) {
        const int out = config.ch * config.ch_mult[i];
        auto& level = res_blocks_.emplace_back();
        for (int j = 0; j <= config.num_res_blocks; ++j) {
            level.emplace_back(weights / "res_blocks" / i / j,
                               ResnetBlock::Config{.in_channels = in, .out_channels = out});
            in = out;
        }
        if (i + 1 < levels)
            upsample_blocks_.emplace_back(weights / "upsample_blocks" / i, out, /*with_conv=*/true);
    }
}

//! [forward]
Tensor UpsampleDecoder::operator()(const Tensor& x) const {
    Tensor h = x;
    for (std::size_t i = 0; i < res_blocks_.size(); ++i) {
        for (const ResnetBlock& block : res_blocks_[i]) h = block(h);
        if (i < upsample_blocks_.size()) h = upsample_blocks_[i](h);
    }
    return conv_out_(norm_out_.then_silu(h));
}
//! [forward]

}  // namespace ldm::vae
