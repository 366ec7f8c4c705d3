#include "chapters/05_resblock/resample.h"

#include "common/autograd/trace.h"
#include "common/ops/resample.h"

namespace ldm::resblock {
namespace {

int width_or(int out_channels, int channels) { return out_channels ? out_channels : channels; }

}  // namespace

Upsample::Upsample(const nn::Params& weights, int channels, bool use_conv, int out_channels)
    : path_(weights.path()) {
    if (use_conv) conv_.emplace(weights / "conv", channels, width_or(out_channels, channels));
}

Tensor Upsample::operator()(const Tensor& x) const {
    const Tensor larger = ops::upsample_nearest(x, 2);  // [N, C, 2 H, 2 W]
    return traced(path_, conv_ ? (*conv_)(larger) : larger);
}

Downsample::Downsample(const nn::Params& weights, int channels, bool use_conv, int out_channels)
    : path_(weights.path()) {
    out_channels = width_or(out_channels, channels);
    expect(use_conv || out_channels == channels,
           "Downsample: without 'use_conv', 'out_channels' must be 'channels'");
    if (use_conv) op_.emplace(weights / "op", channels, out_channels, nn::Conv2dShape{.stride = 2});
}

Tensor Downsample::operator()(const Tensor& x) const {
    return traced(path_, op_ ? (*op_)(x) : ops::avg_pool2d(x, 2));  // [N, out, H / 2, W / 2]
}

TransposedUpsample::TransposedUpsample(const nn::Params& weights, int channels, int out_channels,
                                       int ks)
    : path_(weights.path()),
      up_path_((weights / "up").path()),
      weight_((weights / "up").get("weight", {channels, width_or(out_channels, channels), ks, ks})),
      bias_((weights / "up").get("bias", {width_or(out_channels, channels)})) {}

Tensor TransposedUpsample::operator()(const Tensor& x) const {
    return traced(path_, traced(up_path_, ops::conv_transpose2d(x, weight_, bias_, 2)));
}

}  // namespace ldm::resblock
