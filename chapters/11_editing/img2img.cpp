#include "chapters/11_editing/img2img.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/11_editing/further_channels.h"
#include "common/error.h"
#include "common/figures/tensor_picture.h"
#include "common/image/crop.h"
#include "common/image/resize.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::editing {

using pipeline::Beginning;
using pipeline::ConcatInput;

int first_step(int steps, double strength) {
    if (!(strength > 0 && strength <= 1))
        throw Error(fmt::format("the strength is {:g}, expected above 0 and at most 1", strength));
    // a share such as 0.3 of 10 steps is 3, whatever double makes of it
    const int made = std::min(static_cast<int>(steps * strength + 1e-9), steps);
    if (made == 0)
        throw Error(fmt::format(
            "a strength of {:g} leaves less than one of {} steps: raise the strength or the steps",
            strength, steps));
    return steps - made;
}

void expect_possible(const Img2ImgRequest& request, const pipeline::ModelSpec& spec) {
    expect_possible(request.drawing, spec);
    const int steps = step_count(request.drawing, spec);
    switch (spec.concat_input()) {
        case ConcatInput::none:
            if (steps == 1 && request.strength < 1 && !request.drawing.steps)
                throw Error(fmt::format(
                    "the sampler {} chooses its own steps, so none can be left out: take another "
                    "one for img2img",
                    request.drawing.sampler.name));
            (void)first_step(steps, request.strength);
            break;
        case ConcatInput::picture:
            if (!(request.image_cfg_scale >= 0))
                throw Error("the guidance scale of the picture is a number from 0 on");
            break;
        case ConcatInput::mask_and_picture:
        case ConcatInput::picture_and_mask:
            throw Error("this model is for inpaint: it wants a mask beside the picture");
        case ConcatInput::segmentation:
            throw Error("this model is for txt2img: it wants a semantic map (--segmentation)");
        case ConcatInput::low_resolution:
            throw Error("this model is for upscale: it wants a picture in low resolution");
    }
}

int nearest_size(double pixels, const pipeline::ModelSpec& spec) {
    const int step = spec.size_step();
    return std::max(step, static_cast<int>(std::lround(pixels / step)) * step);
}

image::Extent usual_size(const image::Image& picture, const pipeline::ModelSpec& spec) {
    const double scale =
        static_cast<double>(spec.image_size) / std::min(picture.width, picture.height);
    return {nearest_size(picture.width * scale, spec), nearest_size(picture.height * scale, spec)};
}

//! [fitted]
Tensor fitted(const image::Image& picture, int width, int height) {
    // the largest part in the middle that has the proportions
    const double scale = std::min(static_cast<double>(picture.width) / width,
                                  static_cast<double>(picture.height) / height);
    const int w = std::clamp(static_cast<int>(width * scale + 0.5), 1, picture.width),
              h = std::clamp(static_cast<int>(height * scale + 0.5), 1, picture.height);
    const image::Image middle =
        image::crop(picture, (picture.width - w) / 2, (picture.height - h) / 2, w, h);
    return image::to_tensor(image::resize(middle, width, height, image::Filter::lanczos));
}
//! [fitted]

namespace {

/// instruct-pix2pix: noise to begin with, and the picture's latents as further channels. They are
/// the means, without the latents' scale factor, as that model was trained.
Beginning beside(const pipeline::LatentDiffusion& model, const Tensor& picture,
                 const Shape& latents, double image_cfg_scale) {
    const Tensor z = model.encode(picture, ops::to(Tensor::zeros(latents), model.device()));
    const Tensor unscaled = z / model.spec().scale_factor;
    return {.ask =
                [unscaled](const pipeline::ConditionedModel& unet) {
                    return with_channels(unet, unscaled);
                },
            .guide = guided_by_picture(unscaled, image_cfg_scale)};
}

}  // namespace

//! [img2img]
pipeline::Txt2ImgResult img2img(const pipeline::LatentDiffusion& model,
                                const Img2ImgRequest& request, const ddpm::Observer& observer) {
    expect_possible(request, model.spec());
    const pipeline::Txt2ImgRequest& drawing = request.drawing;
    const auto n = std::ssize(drawing.prompts);
    const Shape latents = model.spec().latent_shape(n, drawing.width, drawing.height);
    const Tensor picture = ops::to(fitted(request.picture, drawing.width, drawing.height),
                                   model.device());  // [1, 3, H, W]
    const ddpm::Noise noise = noise_of(drawing, model.device());
    if (model.spec().concat_input() == ConcatInput::picture) {
        const Shape one = model.spec().latent_shape(1, drawing.width, drawing.height);
        return draw(model, drawing, noise, beside(model, picture, one, request.image_cfg_scale),
                    observer);
    }
    const Tensor pictures = ops::concat(std::vector(n, picture), 0);
    const Beginning beginning{
        .z0 = model.encode(pictures, noise(latents)),  // [N, C, h, w]
        .first_step = first_step(step_count(drawing, model.spec()), request.strength)};
    return draw(model, drawing, noise, beginning, observer);
}
//! [img2img]

}  // namespace ldm::editing
