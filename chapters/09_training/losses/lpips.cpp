#include "chapters/09_training/losses/lpips.h"

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::train {

using ops::square;

LPIPS::LPIPS(const nn::Params& weights)
    : shift_(weights.get("scaling_layer.shift", {1, 3, 1, 1})),
      scale_(weights.get("scaling_layer.scale", {1, 3, 1, 1})),
      net_(weights / "net") {
    const nn::Conv2dShape weighted_sum{.kernel = 1, .padding = {}, .bias = nn::Bias::no};
    for (int k = 0; k < Vgg16::slices; ++k)
        lin_.emplace_back(weights / ("lin" + std::to_string(k)) / "model" / 1, Vgg16::channels[k],
                          1, weighted_sum);
}

//! [forward]
Tensor LPIPS::operator()(const Tensor& a, const Tensor& b) const {
    expect_shape(b, a.shape());
    const auto features_a = net_((a - shift_) / scale_), features_b = net_((b - shift_) / scale_);
    Tensor distance;
    for (int k = 0; k < Vgg16::slices; ++k) {
        const Tensor difference =
            square(normalize_tensor(features_a[k]) - normalize_tensor(features_b[k]));
        const Tensor per_pixel = lin_[k](difference);                           // [N, 1, h, w]
        const Tensor averaged = ops::mean(per_pixel, {2, 3}, ops::Axes::keep);  // [N, 1, 1, 1]
        distance = distance ? distance + averaged : averaged;
    }
    return distance;
}

Tensor normalize_tensor(const Tensor& x) {
    return x / (ops::sqrt(ops::sum(square(x), {1}, ops::Axes::keep)) + 1e-10f);
}
//! [forward]

}  // namespace ldm::train
