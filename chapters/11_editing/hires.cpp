#include "chapters/11_editing/hires.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/figures/tensor_picture.h"
#include "common/image/resize.h"
#include "common/ops/transfer.h"

namespace ldm::editing {

pipeline::Txt2ImgRequest enlarged(const HiresRequest& request, const pipeline::ModelSpec& spec) {
    if (!(request.scale >= 1 && request.scale <= 8))
        throw Error(fmt::format("the scale is {:g}, expected 1 to 8", request.scale));
    pipeline::Txt2ImgRequest larger = request.drawing;
    larger.width = nearest_size(larger.width * request.scale, spec);
    larger.height = nearest_size(larger.height * request.scale, spec);
    if (request.steps) larger.steps = request.steps;
    return larger;
}

void expect_possible(const HiresRequest& request, const pipeline::ModelSpec& spec) {
    expect_possible(request.drawing, spec);
    expect_possible(Img2ImgRequest{.drawing = enlarged(request, spec),
                                   .picture = image::Image(1, 1),
                                   .strength = request.strength},
                    spec);
}

//! [hires]
pipeline::Txt2ImgResult hires(const pipeline::LatentDiffusion& model, const HiresRequest& request,
                              const ddpm::Observer& observer) {
    expect_possible(request, model.spec());
    const pipeline::Txt2ImgResult small = txt2img(model, request.drawing, observer);
    const pipeline::Txt2ImgRequest large = enlarged(request, model.spec());

    std::vector<image::Image> pictures;
    for (std::int64_t i = 0; i < small.pictures.dim(0); ++i)
        pictures.push_back(image::resize(pipeline::to_uint8_image(small.pictures, i), large.width,
                                         large.height, image::Filter::lanczos));
    const ddpm::Noise noise = noise_of(large, model.device());
    const Shape latents =
        model.spec().latent_shape(std::ssize(pictures), large.width, large.height);
    const pipeline::Beginning beginning{
        .z0 = model.encode(ops::to(image::to_tensor(pictures), model.device()), noise(latents)),
        .first_step = first_step(step_count(large, model.spec()), request.strength)};
    return draw(model, large, noise, beginning, observer);
}
//! [hires]

}  // namespace ldm::editing
