#include <fmt/format.h>

#include <memory>
#include <string>

#include "chapters/11_editing/img2img.h"
#include "chapters/11_editing/inpaint.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/drawing_run.h"
#include "common/report/option_checks.h"

namespace ldm::program {
namespace {

struct Options : DrawingOptions {
    std::string image, mask;
    bool invert_mask = false;
    // all but the drawing, the picture and the mask, which are not known yet
    editing::InpaintRequest inpaint;
};

Drawing drawing_of(const Options& options) {
    const auto request_of = [&](const pipeline::Txt2ImgRequest& drawing) {
        editing::InpaintRequest request = options.inpaint;
        request.drawing = drawing;
        return request;
    };
    Drawing drawing;
    drawing.model.encodes = true;
    drawing.adjust = [&](pipeline::Txt2ImgRequest& request, const pipeline::ModelSpec& spec) {
        if (options.width || options.height || options.inpaint.only_masked) return;
        const image::Extent size = editing::usual_size(options.inpaint.picture, spec);
        request.width = size.width;
        request.height = size.height;
    };
    drawing.expect_possible = [=](const auto& request, const auto& spec) {
        expect_possible(request_of(request), spec);
    };
    drawing.steps = [&](const auto& request, const auto& spec) {
        const int steps = step_count(request, spec);
        return steps - editing::first_step(steps, options.inpaint.strength);
    };
    drawing.draw = [=](const auto& model, const auto& request, const auto& observer) {
        const auto result = editing::inpaint(model, request_of(request), observer);
        return Drawing::Result{result.drawn, result.pictures};
    };
    drawing.parameters = [&](const pipeline::ModelSpec&, std::size_t) {
        const editing::InpaintRequest& inpaint = options.inpaint;
        std::string text = fmt::format(", Denoising strength: {:g}, Mask blur: {:g}",
                                       inpaint.strength, inpaint.mask_blur);
        if (inpaint.only_masked)
            text += fmt::format(", Inpaint area: Only masked, Masked area padding: {}",
                                inpaint.padding);
        return text;
    };
    return drawing;
}

}  // namespace

void add_inpaint(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("inpaint", "Draw a part of a picture anew");
    command->add_option("-i,--image", options->image, "The picture (PNG, JPEG or BMP)")->required();
    command
        ->add_option("--mask", options->mask,
                     "A picture of the same size: what is white, or transparent, is drawn anew")
        ->required();
    command->add_flag("--invert-mask", options->invert_mask, "Draw what is black instead");
    command
        ->add_option("--strength", options->inpaint.strength,
                     "Below 1 what was there before shows through")
        ->check(report::number_between(0.0, 1.0))
        ->capture_default_str();
    command
        ->add_option("--mask-blur", options->inpaint.mask_blur,
                     "Soft edge between old and new, in pixels")
        ->check(report::number_between(0.0, 256.0))
        ->capture_default_str();
    command->add_flag("--only-masked", options->inpaint.only_masked,
                      "Draw only the masked part, at the full size of the drawing");
    command
        ->add_option("--padding", options->inpaint.padding,
                     "With --only-masked: pixels around it that the model sees")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str();
    add_drawing_options(*command, *options);
    command->callback([=, &status] {
        finish(*command, *options);
        options->inpaint.picture = image::load_image(options->image);
        options->inpaint.mask = editing::load_mask(options->mask);
        if (options->invert_mask) options->inpaint.mask = editing::inverted(options->inpaint.mask);
        run(*options, drawing_of(*options));
        status = 0;
    });
}

}  // namespace ldm::program
