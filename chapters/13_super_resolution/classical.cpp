#include "chapters/13_super_resolution/classical.h"

#include <fmt/format.h>

#include "chapters/13_super_resolution/convolve.h"
#include "chapters/13_super_resolution/imresize.h"
#include "chapters/13_super_resolution/planes.h"

namespace ldm::super_resolution {

namespace {

void expect_scale(int scale) {
    if (scale < 1) throw Error(fmt::format("A scale is from 1 on, got {}", scale));
}

}  // namespace

Tensor every_pixel(const Tensor& x, int stride) {
    expect_scale(stride);
    const auto [n, channels, height, width] = x.dims<4>();
    return map_planes(x, (height + stride - 1) / stride, (width + stride - 1) / stride,
                      [&, rows = height, columns = width](const float* from, float* to) {
                          for (std::int64_t y = 0; y < rows; y += stride)
                              for (std::int64_t z = 0; z < columns; z += stride)
                                  *to++ = from[y * columns + z];
                      });
}

Tensor bicubic_degradation(const Tensor& x, int scale) {
    expect_scale(scale);
    return imresize(x, 1.0 / scale);
}

Tensor srmd_degradation(const Tensor& x, const Tensor& kernel, int scale) {
    return bicubic_degradation(convolve(x, kernel, image::Border::wrap), scale);
}

Tensor dpsr_degradation(const Tensor& x, const Tensor& kernel, int scale) {
    return convolve(bicubic_degradation(x, scale), kernel, image::Border::wrap);
}

Tensor classical_degradation(const Tensor& x, const Tensor& kernel, int scale) {
    return every_pixel(convolve(x, kernel, image::Border::wrap), scale);
}

}  // namespace ldm::super_resolution
