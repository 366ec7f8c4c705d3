#include "chapters/11_editing/inpaint.h"

#include "chapters/11_editing/further_channels.h"
#include "chapters/11_editing/img2img.h"
#include "chapters/11_editing/masked_channels.h"
#include "common/error.h"
#include "common/figures/tensor_picture.h"
#include "common/image/crop.h"
#include "common/image/resize.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::editing {
namespace {

using pipeline::Beginning;
using pipeline::ConcatInput;

/// What is drawn: the picture and its mask, or a part of both.
struct Canvas {
    Region region;
    /// [1, 3, H, W] in [-1, 1]
    Tensor picture;
    /// 1 where to draw
    Masks masks;
};

Canvas canvas_of(const InpaintRequest& request, const pipeline::LatentDiffusion& model) {
    const auto& drawing = request.drawing;
    Region region{0, 0, request.picture.width, request.picture.height};
    if (request.only_masked)
        region = region_around(request.mask, {.padding = request.padding,
                                              .drawn_as = {drawing.width, drawing.height}});
    const image::Image part =
        image::crop(request.picture, region.x, region.y, region.width, region.height);
    const Tensor mask = ops::slice(ops::slice(request.mask, 2, region.y, region.y + region.height),
                                   3, region.x, region.x + region.width);
    const Shape latent = model.spec().latent_shape(1, drawing.width, drawing.height);
    return {region,
            ops::to(image::to_tensor(
                        image::resize(part, drawing.width, drawing.height, image::Filter::lanczos)),
                    model.device()),
            masks_for(binary(resize_nearest(mask, drawing.height, drawing.width)), latent[2],
                      latent[3], model.device())};
}

/// Known latents with one noise; where the mask is 1 nothing is known.
Beginning over(const pipeline::LatentDiffusion& model, const Canvas& canvas,
               const InpaintRequest& request, const ddpm::Noise& noise) {
    const auto n = std::ssize(request.drawing.prompts);
    const Tensor pictures = ops::concat(std::vector(n, canvas.picture), 0);
    const Shape latents =
        model.spec().latent_shape(n, request.drawing.width, request.drawing.height);
    const Tensor z0 = model.encode(pictures, noise(latents)), first = noise(latents);
    return {.z0 = z0,
            .first_step = first_step(step_count(request.drawing, model.spec()), request.strength),
            .noise = first,
            .known = {.x0 = z0,
                      .mask = -ops::concat(std::vector(n, canvas.masks.of_latents), 0) + 1.0f,
                      .noise = first}};
}

/// A beginning with the mask and the picture as further channels.
Beginning beside(const pipeline::LatentDiffusion& model, const Canvas& canvas,
                 const InpaintRequest& request, const ddpm::Noise& noise) {
    const auto n = std::ssize(request.drawing.prompts);
    const auto shape = [&](std::int64_t count) {
        return model.spec().latent_shape(count, request.drawing.width, request.drawing.height);
    };
    Beginning beginning{
        .first_step = first_step(step_count(request.drawing, model.spec()), request.strength)};
    if (beginning.first_step > 0)
        beginning.z0 =
            model.encode(ops::concat(std::vector(n, canvas.picture), 0), noise(shape(n)));
    beginning.noise = noise(shape(n));
    // one for all pictures, by the first one's noise
    const Tensor of_first = ops::slice(noise(shape(n)), 0, 0, 1);
    const Tensor channels =
        masked_channels(model.spec().concat_input(), canvas.picture, canvas.masks,
                        [&](const Tensor& picture) { return model.encode(picture, of_first); });
    beginning.ask = [channels](const pipeline::ConditionedModel& unet) {
        return with_channels(unet, channels);
    };
    return beginning;
}

}  // namespace

void expect_possible(const InpaintRequest& request, const pipeline::ModelSpec& spec) {
    if (spec.concat_input() == ConcatInput::picture)
        throw Error(
            "this model is for img2img (instruct-pix2pix): it changes whole pictures and takes no "
            "mask");
    if (spec.concat_input() == ConcatInput::segmentation)
        throw Error("this model is for txt2img: it wants a semantic map (--segmentation)");
    if (spec.concat_input() == ConcatInput::low_resolution)
        throw Error("this model is for upscale: it enlarges whole pictures and takes no mask");
    expect_possible(request.drawing, spec);
    expect_usable_mask(request.mask, {request.picture.width, request.picture.height});
    (void)first_step(step_count(request.drawing, spec), request.strength);
}

//! [inpaint]
InpaintResult inpaint(const pipeline::LatentDiffusion& model, const InpaintRequest& request,
                      const ddpm::Observer& observer) {
    expect_possible(request, model.spec());
    const Canvas canvas = canvas_of(request, model);

    const ddpm::Noise noise = noise_of(request.drawing, model.device());
    const bool sees_the_mask = model.spec().concat_input() != ConcatInput::none;
    const Beginning beginning =
        sees_the_mask ? beside(model, canvas, request, noise) : over(model, canvas, request, noise);
    InpaintResult result{draw(model, request.drawing, noise, beginning, observer), {}};

    const Tensor soft = feathered(binary(request.mask), request.mask_blur);
    for (std::int64_t i = 0; i < result.drawn.pictures.dim(0); ++i)
        result.pictures.push_back(pasted(request.picture,
                                         pipeline::to_uint8_image(result.drawn.pictures, i),
                                         canvas.region, soft));
    return result;
}
//! [inpaint]

}  // namespace ldm::editing
