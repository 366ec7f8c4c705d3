#include "chapters/11_editing/editing_figure.h"

#include <fmt/format.h>

#include "chapters/11_editing/hires.h"
#include "chapters/11_editing/img2img.h"
#include "chapters/11_editing/inpaint.h"
#include "chapters/11_editing/variations.h"
#include "common/figures/sheet.h"
#include "common/image/resize.h"
#include "common/ops/elementwise.h"

namespace ldm::editing {
namespace {

using figures::Tile;
using image::Image;
using pipeline::LatentDiffusion;
using pipeline::Txt2ImgRequest;

constexpr const char* other_prompt = "red apple";
constexpr const char* part_prompt = "smiling face with sunglasses";

Image only_picture(const pipeline::Txt2ImgResult& result) {
    return pipeline::to_uint8_image(result.pictures, 0);
}

/// The first of the row of six, and five strengths.
std::vector<Tile> img2img_row(const LatentDiffusion& model, const Txt2ImgRequest& drawing,
                              const Image& picture) {
    Txt2ImgRequest other = drawing;
    other.prompts = {other_prompt};
    std::vector<Tile> row = {{picture, "the picture"}};
    for (const double strength : {0.2, 0.4, 0.6, 0.8, 1.0})
        row.push_back({only_picture(img2img(
                           model, {.drawing = other, .picture = picture, .strength = strength})),
                       fmt::format("strength {:g}", strength)});
    return row;
}

/// 1 in the upper part.
Tensor upper(const Image& picture, double share) {
    Tensor mask = Tensor::zeros({1, 1, picture.height, picture.width});
    const auto rows = static_cast<std::int64_t>(share * picture.height);
    std::fill_n(mask.data(), rows * picture.width, 1.0f);
    return mask;
}

std::vector<Tile> inpaint_row(const LatentDiffusion& model, const Txt2ImgRequest& drawing,
                              const Image& picture) {
    const Tensor mask = upper(picture, 0.5);
    Image shown(picture.width, picture.height);
    for (std::size_t i = 0; i < shown.rgb.size(); ++i)
        shown.rgb[i] = mask.data()[i / 3] > 0 ? 255 : 0;
    std::vector<Tile> row = {{picture, "the picture"}, {shown, "the mask"}};
    const auto add = [&](const char* prompt, InpaintRequest request, const std::string& label) {
        request.drawing = drawing;
        request.drawing.prompts = {prompt};
        request.picture = picture;
        request.mask = mask;
        row.push_back({inpaint(model, request).pictures[0], label});
    };
    add(part_prompt, {.mask_blur = 0}, "hard edge");
    add(part_prompt, {.mask_blur = 3}, "soft edge");
    add(other_prompt, {.strength = 0.8, .mask_blur = 3}, "strength 0.8");
    add(other_prompt, {.strength = 0.5, .mask_blur = 3}, "strength 0.5");
    return row;
}

/// Without a prompt: this model draws a name that it knows much the same for every seed.
std::vector<Tile> variation_row(const LatentDiffusion& model, Txt2ImgRequest drawing) {
    drawing.prompts = {""};
    std::vector<Tile> row;
    for (const double share : {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}) {
        const ddpm::Noise noise = noise_of(drawing, model.device());
        const auto beginning =
            variation(drawing, model.spec(), model.device(), noise, {drawing.seeds[0] + 1}, share);
        row.push_back({only_picture(draw(model, drawing, noise, beginning)),
                       fmt::format("{:g} of the way", share)});
    }
    return row;
}

std::vector<Tile> hires_row(const LatentDiffusion& model, const Txt2ImgRequest& drawing,
                            const Image& picture) {
    const HiresRequest twice{.drawing = drawing, .scale = 2};
    const Txt2ImgRequest large = enlarged(twice, model.spec());
    std::vector<Tile> row = {
        {picture, fmt::format("{} pixels", picture.width)},
        {image::resize(picture, large.width, large.height, image::Filter::lanczos), "enlarged"}};
    for (const double strength : {0.05, 0.15, 0.3}) {
        HiresRequest request = twice;
        request.strength = strength;
        row.push_back(
            {only_picture(hires(model, request)), fmt::format("strength {:g}", strength)});
    }
    row.push_back({only_picture(txt2img(model, large)), "large at once"});
    return row;
}

}  // namespace

figures::Canvas editing_figure(const LatentDiffusion& model, const std::string& prompt,
                               std::uint64_t seed) {
    Txt2ImgRequest drawing = pipeline::preferred_request(model.spec());
    drawing.prompts = {prompt};
    drawing.seeds = {seed};
    drawing.steps = 20;
    const Image picture = only_picture(txt2img(model, drawing));

    std::vector<Tile> tiles;
    for (const auto& row :
         {img2img_row(model, drawing, picture), inpaint_row(model, drawing, picture),
          variation_row(model, drawing), hires_row(model, drawing, picture)})
        tiles.insert(tiles.end(), row.begin(), row.end());
    return figures::sheet(
        tiles,
        {.title = fmt::format("\"{}\", edited", prompt),
         .caption = fmt::format(
             "img2img goes back towards noise and draws \"{}\" from there: the more strength, the "
             "less is left. Inpainting draws \"{}\" and the apple where the mask is white. "
             "Variations, here without a prompt, turn the noise of one seed into that of the next. "
             "hires enlarges the picture and draws it again. This model has only seen pictures of "
             "{} pixels, so that more than a little strength harms, and at once it fails.",
             other_prompt, part_prompt, drawing.width),
         .columns = 6,
         .row_labels = {"img2img", "inpaint", "variations", "hires"}});
}

}  // namespace ldm::editing
