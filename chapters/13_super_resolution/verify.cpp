#include "chapters/13_super_resolution/verify.h"

#include <fmt/format.h>

#include "chapters/13_super_resolution/ddpm_unet.h"
#include "chapters/13_super_resolution/jpeg_noise.h"
#include "chapters/13_super_resolution/lsun.h"
#include "chapters/13_super_resolution/metrics.h"
#include "chapters/13_super_resolution/verify_layouts.h"
#include "chapters/13_super_resolution/ycbcr.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/shape.h"

namespace ldm::super_resolution {
namespace {

using io::Json;

Tensor luma_bytes(const image::Image& picture) {
    const auto y = luma(picture);
    return Tensor::ints({picture.height, picture.width},
                        std::vector<std::int32_t>(y.begin(), y.end()));
}

/// utils_image.py: PSNR, SSIM, YCbCr.
void metrics(verify::Run& run) {
    io::expect_only_keys(run.config(), {"border"}, "config");
    const int border = io::get_in<int>(run.config(), "border", 0, 1 << 15);
    const image::Image a = image::from_bytes(run.in("a")), b = image::from_bytes(run.in("b"));
    const Tensor x = image::to_unit_tensor(a), y = image::to_unit_tensor(b);
    run.out("psnr", {}, {psnr(x, y)});
    run.out("psnr_border", {}, {psnr(x, y, border)});
    run.out("ssim", {}, {ssim(x, y)});
    run.out("ssim_border", {}, {ssim(x, y, border)});
    run.out("ssim_gray", {}, {ssim(ops::slice(x, 1, 0, 1), ops::slice(y, 1, 0, 1))});

    run.out("y_u8", luma_bytes(a));
    run.out("bgr_y_u8", luma_bytes(swap_red_and_blue(a)));
    run.out("ycbcr_u8", bytes_of(rgb_to_ycbcr(a)));
    run.out("rgb_back_u8", bytes_of(ycbcr_to_rgb_wrapped(rgb_to_ycbcr(a))));
    run.out("y_f", luma(x).reshape({a.height, a.width}));
}

/// bsrgan.py, add_JPEG_noise.
void jpeg_noise(verify::Run& run) {
    io::expect_only_keys(run.config(), {"quality"}, "config");
    const Tensor x = channels_first(run.in("img"));
    for (const int quality : io::get_list_in<int>(run.config(), "quality", 1, 100, 100)) {
        const Tensor y = add_jpeg_noise(x, quality);
        double sum = 0;
        for (std::int64_t i = 0; i < x.size(); ++i) {
            const double change = static_cast<double>(y.data()[i]) - x.data()[i];
            sum += change * change;
        }
        run.out(fmt::format("q{}", quality), channels_last(y));
        run.out(fmt::format("q{}.mse", quality), {}, {sum / static_cast<double>(x.size())});
    }
}

image::Filter filter_from(const std::string& name) {
    if (name == "bilinear") return image::Filter::bilinear;
    if (name == "bicubic") return image::Filter::bicubic;
    if (name == "lanczos") return image::Filter::lanczos;
    throw Error("'interpolations': expected bilinear, bicubic or lanczos, got '" + name + "'");
}

/// lsun.py, LSUNBase.__getitem__ without its random flip.
void lsun_preprocess(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"images", "sizes", "interpolations"}, "config");
    const auto sizes = io::get_list_in<int>(config, "sizes", 1, 1024, 100);
    for (const auto& name : io::get<std::vector<std::string>>(config, "images")) {
        const image::Image picture = image::from_bytes(run.in(name));
        for (const auto& filter : io::get<std::vector<std::string>>(config, "interpolations"))
            for (const int size : sizes)
                run.out(fmt::format("{}.{}.{}", name, filter, size),
                        channels_last(lsun_picture(picture, size, filter_from(filter))));
    }
}

/// diffusionmodules/model.py: Model.
void ddpm_unet(verify::Run& run) {
    const DdpmUNet model(run.params(), DdpmUNet::Config::from_json(run.config()));
    run.out("out", model(run.in("x"), run.find_in("t")));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["Degradation"] = verify_degradation;
    registry["Metrics"] = metrics;
    registry["JPEGNoise"] = jpeg_noise;
    registry["LSUNPreprocess"] = lsun_preprocess;
    registry["Model"] = ddpm_unet;
}

}  // namespace ldm::super_resolution
