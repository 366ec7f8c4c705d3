#include "chapters/13_super_resolution/degradation.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "chapters/13_super_resolution/classical.h"
#include "chapters/13_super_resolution/convolve.h"
#include "chapters/13_super_resolution/imresize.h"
#include "chapters/13_super_resolution/jpeg_noise.h"
#include "chapters/13_super_resolution/kernels.h"
#include "chapters/13_super_resolution/unit_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::super_resolution {
namespace {

constexpr int shifted_kernel_size = 25;

Tensor blurred(const Tensor& x, const Tensor& kernel) {
    return convolve(x, kernel, image::Border::mirror);
}

Tensor in_range(const Tensor& x) { return ops::clamp(x, 0, 1); }

Tensor apply_to(const Tensor& x, const Crop& crop) {
    const auto [width, height] = extent_of(x);
    expect(crop.width >= 1 && crop.height >= 1 && crop.width <= width && crop.height <= height,
           fmt::format("there is no part of {}x{} pixels in {}x{}", crop.width, crop.height, width,
                       height));
    return ops::slice(ops::slice(x, 2, 0, crop.height), 3, 0, crop.width);
}

//! [steps]
Tensor apply_to(const Tensor& x, const AnisotropicBlur& blur) {
    return blurred(x, anisotropic_gaussian(blur.size, blur.theta, blur.l1, blur.l2));
}

Tensor apply_to(const Tensor& x, const IsotropicBlur& blur) {
    return blurred(x, fspecial_gaussian(blur.size, blur.sigma));
}

Tensor apply_to(const Tensor& x, const Resize& size) {
    return in_range(cv_resize(x, size.width, size.height, size.filter));
}

Tensor apply_to(const Tensor& x, const MatlabResize& size) {
    return in_range(imresize(x, size.scale));
}

Tensor apply_to(const Tensor& x, const BlurAndStride& reduction) {
    const Tensor kernel =
        shift_pixel(fspecial_gaussian(shifted_kernel_size, reduction.sigma), reduction.stride);
    // what moved beyond the edges is missing
    double sum = 0;
    for (const float weight : kernel.values()) sum += weight;
    return in_range(every_pixel(blurred(x, kernel / static_cast<float>(sum)), reduction.stride));
}

Tensor apply_to(const Tensor& x, const GaussianNoise& step) {
    return add_gaussian_noise(x, step.noise);
}
Tensor apply_to(const Tensor& x, const SpeckleNoise& step) {
    return add_speckle_noise(x, step.noise);
}
Tensor apply_to(const Tensor& x, const PoissonNoise& noise) { return add_poisson_noise(x, noise); }
Tensor apply_to(const Tensor& x, const JpegNoise& jpeg) { return add_jpeg_noise(x, jpeg.quality); }
Tensor apply_to(const Tensor& x, const Sharpening& settings) { return add_sharpening(x, settings); }
//! [steps]

std::string words_of(const Crop& crop) {
    return fmt::format("crop to {}x{}", crop.width, crop.height);
}
std::string words_of(const AnisotropicBlur& blur) {
    return fmt::format("blur {0}x{0}, sigma {1:.1f} and {2:.1f} at {3:.0f}°", blur.size,
                       std::sqrt(blur.l1), std::sqrt(blur.l2), blur.theta * 180 / std::numbers::pi);
}
std::string words_of(const IsotropicBlur& blur) {
    return fmt::format("blur {0}x{0}, sigma {1:.1f}", blur.size, blur.sigma);
}
std::string words_of(const Resize& size) {
    return fmt::format("resized to {}x{}, {}", size.width, size.height, name_of(size.filter));
}
std::string words_of(const MatlabResize& size) {
    return fmt::format("times {:g}, MATLAB's cubic", size.scale);
}
std::string words_of(const BlurAndStride& reduction) {
    return fmt::format("blur, sigma {0:.1f}; one pixel of {1}x{1}", reduction.sigma,
                       reduction.stride);
}
std::string words_of(const Noise& noise, const char* kind) {
    switch (noise.kind) {
        case NoiseKind::color:
            return fmt::format("{} in colour, {:.0f}/255", kind, 255 * noise.deviation);
        case NoiseKind::gray:
            return fmt::format("grey {}, {:.0f}/255", kind, 255 * noise.deviation);
        case NoiseKind::correlated:
            break;
    }
    return fmt::format("{} in correlated colours", kind);
}
std::string words_of(const GaussianNoise& step) { return words_of(step.noise, "noise"); }
std::string words_of(const SpeckleNoise& step) { return words_of(step.noise, "speckle"); }
std::string words_of(const PoissonNoise& noise) {
    return fmt::format("{}photons, {:.0f} in white", noise.gray ? "grey " : "", noise.peak);
}
std::string words_of(const JpegNoise& jpeg) { return fmt::format("JPEG {}", jpeg.quality); }
std::string words_of(const Sharpening& settings) {
    return fmt::format("sharpened by {:g}", settings.weight);
}

}  // namespace

std::string describe(const Step& step) {
    return std::visit([](const auto& s) { return words_of(s); }, step);
}

std::string describe(const Plan& plan) {
    std::string lines = fmt::format("a picture of {}x{}\n", plan.size.width, plan.size.height);
    for (const Step& step : plan.steps) lines += describe(step) + "\n";
    return lines;
}

Tensor carry_out(const Step& step, const Tensor& x) {
    return std::visit([&](const auto& s) { return apply_to(x, s); }, step);
}

//! [degrade]
Tensor degrade(const Tensor& x, const Plan& plan,
               const std::function<void(const Step&, const Tensor&)>& after) {
    if (const image::Extent size = extent_of(x); size != plan.size)
        throw Error(fmt::format("The plan is for a picture of {}x{} pixels, this one has {}x{}",
                                plan.size.width, plan.size.height, size.width, size.height));
    Tensor y = x;
    for (const Step& step : plan.steps) {
        y = carry_out(step, y);
        if (after) after(step, y);
    }
    return y;
}
//! [degrade]

}  // namespace ldm::super_resolution
