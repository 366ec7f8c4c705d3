#include "chapters/09_training/losses/vgg16.h"

#include "common/ops/elementwise.h"
#include "common/ops/resample.h"

namespace ldm::train {

Vgg16::Vgg16(const nn::Params& weights) {
    for (const auto& [slice, index, in, out] : vgg16_layers)
        slice_[slice - 1].emplace_back(weights / ("slice" + std::to_string(slice)) / index, in,
                                       out);
}

//! [forward]
std::array<Tensor, Vgg16::slices> Vgg16::operator()(const Tensor& x) const {
    const auto [n, colors, height, width] = x.dims<4>();
    expect(height >= 16 && width >= 16,
           "VGG16 halves a picture four times: it must have 16 x 16 "
           "pixels or more, not " +
               to_string(x.shape()));
    std::array<Tensor, slices> features;
    Tensor h = x;
    for (int k = 0; k < slices; ++k) {
        // half as high and wide
        if (k > 0) h = ops::max_pool2d(h, 2);
        for (const nn::Conv2d& conv : slice_[k]) h = ops::relu(conv(h));
        features[k] = h;
    }
    return features;
}
//! [forward]

}  // namespace ldm::train
