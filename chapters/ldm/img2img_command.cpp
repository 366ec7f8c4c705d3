#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "chapters/11_editing/img2img.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/drawing_run.h"
#include "common/report/option_checks.h"

namespace ldm::program {
namespace {

struct Options : DrawingOptions {
    std::string init_image;
    double strength = editing::Img2ImgRequest().strength,
           image_cfg_scale = editing::Img2ImgRequest().image_cfg_scale;
    bool has_strength = false, has_image_cfg_scale = false;
};

editing::Img2ImgRequest request_of(const Options& options, const image::Image& picture,
                                   const pipeline::Txt2ImgRequest& drawing) {
    return {.drawing = drawing,
            .picture = picture,
            .strength = options.strength,
            .image_cfg_scale = options.image_cfg_scale};
}

/// Whether the model takes what was asked for; the others take no notice of it.
void expect_of_use(const Options& options, const pipeline::ModelSpec& spec) {
    const bool changes = spec.concat_input() == pipeline::ConcatInput::picture;
    if (options.has_strength && changes)
        throw Error(
            "--strength: this model (instruct-pix2pix) begins with noise; how closely the "
            "picture is followed says --image-cfg-scale");
    if (options.has_image_cfg_scale && !changes)
        throw Error(
            "--image-cfg-scale is for models that change pictures (instruct-pix2pix); this "
            "one has --strength");
}

Drawing drawing_of(const Options& options, const image::Image& picture) {
    const auto changes = [](const pipeline::ModelSpec& spec) {
        return spec.concat_input() == pipeline::ConcatInput::picture;
    };
    Drawing drawing;
    drawing.model.encodes = true;
    drawing.adjust = [&](pipeline::Txt2ImgRequest& request, const pipeline::ModelSpec& spec) {
        if (options.width || options.height) return;
        const image::Extent size = editing::usual_size(picture, spec);
        request.width = size.width;
        request.height = size.height;
    };
    drawing.expect_possible = [&](const auto& request, const auto& spec) {
        expect_of_use(options, spec);
        expect_possible(request_of(options, picture, request), spec);
    };
    drawing.steps = [&, changes](const auto& request, const auto& spec) {
        const int steps = step_count(request, spec);
        return changes(spec) ? steps : steps - editing::first_step(steps, options.strength);
    };
    drawing.draw = [&](const auto& model, const auto& request, const auto& observer) {
        const auto drawn = editing::img2img(model, request_of(options, picture, request), observer);
        return Drawing::Result{drawn, pictures_of(drawn)};
    };
    drawing.parameters = [&, changes](const pipeline::ModelSpec& spec, std::size_t) {
        return changes(spec) ? fmt::format(", Image CFG scale: {:g}", options.image_cfg_scale)
                             : fmt::format(", Denoising strength: {:g}", options.strength);
    };
    return drawing;
}

}  // namespace

void add_img2img(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("img2img", "Draw a picture again, as a prompt says");
    command->add_option("-i,--init-image", options->init_image, "The picture (PNG, JPEG or BMP)")
        ->required();
    auto* strength =
        command
            ->add_option("--strength", options->strength,
                         "How much is drawn anew, as a share of the steps, above 0 and up to 1")
            ->check(report::number_between(0.0, 1.0))
            ->capture_default_str();
    auto* image_cfg_scale =
        command
            ->add_option("--image-cfg-scale", options->image_cfg_scale,
                         "instruct-pix2pix: how closely the picture is followed")
            ->check(report::number_between(0.0, 100.0))
            ->capture_default_str();
    add_drawing_options(*command, *options);
    command->callback([=, &status] {
        finish(*command, *options);
        options->has_strength = strength->count() > 0;
        options->has_image_cfg_scale = image_cfg_scale->count() > 0;
        const image::Image picture = image::load_image(options->init_image);
        run(*options, drawing_of(*options, picture));
        status = 0;
    });
}

}  // namespace ldm::program
