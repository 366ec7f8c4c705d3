#include "chapters/02_vae/resnet_block.h"

#include "chapters/02_vae/config.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"

namespace ldm::vae {
namespace {

using ops::silu;

int width_out(const ResnetBlock::Config& config) {
    return config.out_channels ? config.out_channels : config.in_channels;
}

}  // namespace

ResnetBlock::ResnetBlock(const nn::Params& weights, Config config)
    : path_(weights.path()),
      norm1_(weights / "norm1", config.in_channels, group_norm_eps),
      conv1_(weights / "conv1", config.in_channels, width_out(config)),
      norm2_(weights / "norm2", width_out(config), group_norm_eps),
      conv2_(weights / "conv2", width_out(config), width_out(config)) {
    const int in = config.in_channels, out = width_out(config);
    if (config.temb_channels) temb_proj_.emplace(weights / "temb_proj", config.temb_channels, out);
    if (in == out) return;
    if (config.conv_shortcut)
        shortcut_.emplace(weights / "conv_shortcut", in, out);
    else
        shortcut_.emplace(weights / "nin_shortcut", in, out, nn::pointwise);
}

//! [forward]
Tensor ResnetBlock::operator()(const Tensor& x, const Tensor& temb) const {
    Tensor h = conv1_(norm1_.then_silu(x));  // [N, out, H, W]
    if (temb) {
        expect(temb_proj_.has_value(), "a ResnetBlock with 'temb_channels' 0 was given a time");
        h = h + (*temb_proj_)(silu(temb)).reshape({x.dim(0), -1, 1, 1});
    }
    h = conv2_(norm2_.then_silu(h));
    return traced(path_, skip(x) + h);
}
//! [forward]

}  // namespace ldm::vae
