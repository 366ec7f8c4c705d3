#include "chapters/13_super_resolution/verify_layouts.h"

#include <vector>

#include "common/ops/shape.h"

namespace ldm::super_resolution {

Tensor channels_first(const Tensor& hwc) {
    const auto [height, width, channels] = hwc.dims<3>();
    return ops::permute(hwc, {2, 0, 1}).reshape({1, channels, height, width});
}

Tensor channels_last(const Tensor& nchw) {
    const auto [one, channels, height, width] = nchw.dims<4>();
    return ops::permute(nchw.reshape({channels, height, width}), {1, 2, 0});
}

Tensor bytes_of(const image::Image& picture) {
    const std::vector<std::int32_t> values(picture.rgb.begin(), picture.rgb.end());
    return Tensor::ints({picture.height, picture.width, 3}, values);
}

}  // namespace ldm::super_resolution
