#include "chapters/13_super_resolution/sharpening.h"

#include <fmt/format.h>

#include <cmath>

#include "chapters/13_super_resolution/convolve.h"
#include "common/ops/elementwise.h"

namespace ldm::super_resolution {
namespace {

/// One row of a Gaussian of `taps` pixels with OpenCV's width for so many.
Tensor opencv_gaussian(int taps) {
    const double sigma = 0.3 * ((taps - 1) * 0.5 - 1) + 0.8;
    std::vector<double> weights;
    double sum = 0;
    for (int i = 0; i < taps; ++i) {
        const double d = (i - (taps - 1) / 2.0) / sigma;
        weights.push_back(std::exp(-0.5 * d * d));
        sum += weights.back();
    }
    Tensor row({1, taps});
    for (int i = 0; i < taps; ++i) row.data()[i] = static_cast<float>(weights[i] / sum);
    return row;
}

/// A Gaussian is the product of one across and one down.
Tensor blurred(const Tensor& x, const Tensor& row) {
    return correlate(correlate(x, row, image::Border::mirror), row.reshape({-1, 1}),
                     image::Border::mirror);
}

}  // namespace

Tensor add_sharpening(const Tensor& x, const Sharpening& settings) {
    if (settings.radius < 10 || settings.radius > 1023)
        throw Error(fmt::format("The radius of sharpening is from 10 to 1023 pixels, got {}",
                                settings.radius));
    const Tensor row = opencv_gaussian(settings.radius | 1);
    const Tensor residual = x - blurred(x, row);
    Tensor large(x.shape());
    for (std::int64_t i = 0; i < x.size(); ++i)
        large.data()[i] =
            std::abs(residual.data()[i]) * 255.0f > static_cast<float>(settings.threshold) ? 1 : 0;
    const Tensor mask = blurred(large, row);
    const Tensor sharp = ops::clamp(x + static_cast<float>(settings.weight) * residual, 0, 1);
    return mask * sharp + (-mask + 1.0f) * x;
}

}  // namespace ldm::super_resolution
