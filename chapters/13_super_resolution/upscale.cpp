#include "chapters/13_super_resolution/upscale.h"

#include <algorithm>

#include "chapters/11_editing/further_channels.h"
#include "common/error.h"
#include "common/figures/tensor_picture.h"
#include "common/image/crop.h"
#include "common/ops/transfer.h"

namespace ldm::super_resolution {
namespace {

int rounded_up(int size, int step) { return (size + step - 1) / step * step; }

/// The picture with its last column and row repeated.
image::Image continued(const image::Image& picture, int width, int height) {
    image::Image larger(width, height);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            larger.set(x, y,
                       picture.at(std::min(x, picture.width - 1), std::min(y, picture.height - 1)));
    return larger;
}

}  // namespace

image::Extent drawn_size(const image::Image& picture, const pipeline::ModelSpec& spec) {
    const int factor = spec.autoencoder_factor(), step = spec.unet.down_factor();
    return {factor * rounded_up(picture.width, step), factor * rounded_up(picture.height, step)};
}

image::Extent enlarged(const image::Image& picture, const pipeline::ModelSpec& spec) {
    return {spec.autoencoder_factor() * picture.width, spec.autoencoder_factor() * picture.height};
}

void expect_possible(const UpscaleRequest& request, const pipeline::ModelSpec& spec) {
    if (spec.concat_input() != pipeline::ConcatInput::low_resolution)
        throw Error(
            "this model does not enlarge pictures: one that does has the conditioning key 'concat' "
            "and the picture in low resolution (LR_image) beside its latents");
    pipeline::expect_possible(request.drawing, spec);
}

//! [upscale]
UpscaleResult upscale(const pipeline::LatentDiffusion& model, const UpscaleRequest& request,
                      const ddpm::Observer& observer) {
    expect_possible(request, model.spec());
    const int factor = model.spec().autoencoder_factor();
    const image::Extent drawn = drawn_size(request.picture, model.spec()),
                        size = enlarged(request.picture, model.spec());
    pipeline::Txt2ImgRequest drawing = request.drawing;
    drawing.width = drawn.width;
    drawing.height = drawn.height;

    // [1, 3, h, w] in [-1, 1], as large as the latents
    const Tensor small = ops::to(
        image::to_tensor(continued(request.picture, drawn.width / factor, drawn.height / factor)),
        model.device());
    const pipeline::Beginning beginning{.ask = [small](const pipeline::ConditionedModel& unet) {
        return editing::with_channels(unet, small);
    }};
    UpscaleResult result{
        pipeline::draw(model, drawing, noise_of(drawing, model.device()), beginning, observer), {}};
    for (std::int64_t i = 0; i < result.drawn.pictures.dim(0); ++i)
        result.pictures.push_back(image::crop(pipeline::to_uint8_image(result.drawn.pictures, i), 0,
                                              0, size.width, size.height));
    return result;
}
//! [upscale]

}  // namespace ldm::super_resolution
