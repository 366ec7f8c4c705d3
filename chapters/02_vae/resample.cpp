#include "chapters/02_vae/resample.h"

#include "common/autograd/trace.h"
#include "common/ops/resample.h"

namespace ldm::vae {

Upsample::Upsample(const nn::Params& weights, int channels, bool with_conv)
    : path_(weights.path()) {
    if (with_conv) conv_.emplace(weights / "conv", channels, channels);
}

Tensor Upsample::operator()(const Tensor& x) const {
    const Tensor larger = ops::upsample_nearest(x, 2);  // [N, C, 2 H, 2 W]
    return traced(path_, conv_ ? (*conv_)(larger) : larger);
}

//! [downsample]
Downsample::Downsample(const nn::Params& weights, int channels, bool with_conv)
    : path_(weights.path()) {
    constexpr ops::Padding right_and_bottom{.bottom = 1, .right = 1};
    if (with_conv)
        conv_.emplace(weights / "conv", channels, channels,
                      nn::Conv2dShape{.stride = 2, .padding = right_and_bottom});
}
//! [downsample]

Tensor Downsample::operator()(const Tensor& x) const {
    return traced(path_, conv_ ? (*conv_)(x) : ops::avg_pool2d(x, 2));  // [N, C, H / 2, W / 2]
}

}  // namespace ldm::vae
