#include "chapters/13_super_resolution/low_resolution.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "chapters/13_super_resolution/bsrgan.h"
#include "chapters/13_super_resolution/unit_picture.h"
#include "common/error.h"
#include "common/figures/tensor_picture.h"
#include "common/image/resize.h"

namespace ldm::super_resolution {
namespace {

const std::map<std::string, CvFilter, std::less<>> cv_filters = {{"cv_bilinear", CvFilter::linear},
                                                                 {"cv_bicubic", CvFilter::cubic},
                                                                 {"cv_area", CvFilter::area}};

const std::map<std::string, image::Filter, std::less<>> pil_filters = {
    {"pil_nearest", image::Filter::nearest},
    {"pil_bilinear", image::Filter::bilinear},
    {"pil_box", image::Filter::area},
    {"pil_bicubic", image::Filter::bicubic},
    {"pil_lanczos", image::Filter::lanczos}};

}  // namespace

const std::vector<std::string>& degradations() {
    static const std::vector<std::string> all = {
        "bsrgan",      "bsrgan_light", "cv_bilinear", "cv_bicubic",  "cv_area",
        "pil_nearest", "pil_bilinear", "pil_box",     "pil_bicubic", "pil_lanczos"};
    return all;
}

image::Image low_resolution(const image::Image& picture, const std::string& degradation, int factor,
                            std::uint64_t seed) {
    const auto [width, height] = image::Extent{picture.width, picture.height};
    if (factor < 1 || width % factor != 0 || height % factor != 0)
        throw Error(
            fmt::format("a picture of {} x {} has no 1/{} of its size: both sides must be "
                        "multiples of it",
                        width, height, factor));
    const int small_width = width / factor, small_height = height / factor;
    if (const auto filter = pil_filters.find(degradation); filter != pil_filters.end())
        return image::resize(picture, small_width, small_height, filter->second);
    const Tensor x = image::to_unit_tensor(picture);
    if (const auto filter = cv_filters.find(degradation); filter != cv_filters.end())
        return to_bytes(cv_resize(x, small_width, small_height, filter->second));
    if (degradation == "bsrgan")
        return to_bytes(degrade(x, plan_bsrgan({width, height}, factor, seed)));
    if (degradation == "bsrgan_light")
        return to_bytes(degrade(x, plan_bsrgan_light({width, height}, factor, seed)));
    throw Error(fmt::format("'degradation' is '{}', expected one of: {}", degradation,
                            fmt::join(degradations(), ", ")));
}

}  // namespace ldm::super_resolution
