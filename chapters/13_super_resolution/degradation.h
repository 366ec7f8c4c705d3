#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "chapters/13_super_resolution/cv_resize.h"
#include "chapters/13_super_resolution/noise.h"
#include "chapters/13_super_resolution/sharpening.h"
#include "common/image/image.h"

/// A degradation as data: a list of steps with every number that was drawn by lot, so that it can
/// be printed, kept, and carried out again.

namespace ldm::super_resolution {

/// The upper left part.
struct Crop {
    int width, height;
};
/// anisotropic_gaussian
struct AnisotropicBlur {
    int size;
    double theta, l1, l2;
};
/// fspecial_gaussian
struct IsotropicBlur {
    int size;
    double sigma;
};
/// cv_resize
struct Resize {
    int width, height;
    CvFilter filter;
};
/// imresize
struct MatlabResize {
    double scale;
};
/// A blur by a Gaussian of 25 pixels that is shifted for `stride` (shift_pixel), then every
/// stride-th pixel.
struct BlurAndStride {
    double sigma;
    int stride;
};
struct GaussianNoise {
    Noise noise;
};
struct SpeckleNoise {
    Noise noise;
};
struct JpegNoise {
    int quality;
};

using Step = std::variant<Crop, AnisotropicBlur, IsotropicBlur, Resize, MatlabResize, BlurAndStride,
                          GaussianNoise, SpeckleNoise, PoissonNoise, JpegNoise, Sharpening>;

/// In a few words: "blur 9x9, sigma 1.3".
std::string describe(const Step& step);

/// What becomes of a picture [1, 3, H, W] in [0, 1]. Blurs mirror it at its edges (Border::mirror);
/// what a resize gives is clamped to [0, 1].
[[nodiscard]] Tensor carry_out(const Step& step, const Tensor& x);

struct Plan {
    /// of the picture it was made for
    image::Extent size;
    std::vector<Step> steps;
};

/// A line for each step.
std::string describe(const Plan& plan);

/// All steps, in order; `after` sees the picture after each. Throws an Error for a picture of
/// another size than the plan's.
[[nodiscard]] Tensor degrade(
    const Tensor& x, const Plan& plan,
    const std::function<void(const Step& step, const Tensor& x)>& after = {});

}  // namespace ldm::super_resolution
