#include "chapters/13_super_resolution/upscaling_figure.h"

#include <fmt/format.h>

#include "chapters/13_super_resolution/low_resolution.h"
#include "chapters/13_super_resolution/metrics.h"
#include "chapters/13_super_resolution/upscale.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/image/resize.h"

namespace ldm::super_resolution {
namespace {

using image::Image;

double psnr_of(const Image& x, const Image& truth) {
    return psnr(image::to_unit_tensor(x), image::to_unit_tensor(truth));
}

double ssim_of(const Image& x, const Image& truth) {
    return ssim(image::to_unit_tensor(x), image::to_unit_tensor(truth));
}

std::string score(double psnr, double ssim) { return fmt::format("{:.1f} dB, {:.3f}", psnr, ssim); }

}  // namespace

std::vector<Upscaling> upscalings(const pipeline::LatentDiffusion& model,
                                  const std::vector<image::Example>& pictures,
                                  const std::string& degradation, std::uint64_t seed) {
    std::vector<Upscaling> all;
    for (const image::Example& example : pictures) {
        const Image& truth = example.picture;
        Upscaling one{
            .name = example.caption,
            .low = low_resolution(truth, degradation, model.spec().autoencoder_factor(), seed),
            .truth = truth};
        one.bicubic = image::resize(one.low, truth.width, truth.height, image::Filter::bicubic);
        UpscaleRequest request{.drawing = pipeline::preferred_request(model.spec()),
                               .picture = one.low};
        const image::Extent size = drawn_size(one.low, model.spec());
        request.drawing.width = size.width;
        request.drawing.height = size.height;
        request.drawing.prompts = {""};
        request.drawing.seeds = {seed};
        one.drawn = upscale(model, request).pictures.front();
        one.psnr_bicubic = psnr_of(one.bicubic, truth);
        one.psnr_drawn = psnr_of(one.drawn, truth);
        one.ssim_bicubic = ssim_of(one.bicubic, truth);
        one.ssim_drawn = ssim_of(one.drawn, truth);
        all.push_back(std::move(one));
    }
    return all;
}

figures::Canvas upscaling_figure(const std::vector<Upscaling>& upscalings) {
    std::vector<figures::Tile> tiles;
    for (const Upscaling& one : upscalings) {
        tiles.push_back({one.low, fmt::format("{}x{}", one.low.width, one.low.height)});
        tiles.push_back({one.bicubic, score(one.psnr_bicubic, one.ssim_bicubic)});
        tiles.push_back({one.drawn, score(one.psnr_drawn, one.ssim_drawn)});
        tiles.push_back({one.truth, one.name.substr(0, one.name.find(':'))});
    }
    return figures::sheet(
        tiles, {.caption = "Below each enlargement: PSNR, SSIM.",
                .columns = 4,
                .tile_size = 192,
                .column_labels = {"low resolution", "bicubic", "latent diffusion", "truth"}});
}

}  // namespace ldm::super_resolution
