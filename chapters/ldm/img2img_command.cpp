#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "chapters/11_editing/img2img.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/drawing_command.h"
#include "chapters/ldm/option_groups.h"
#include "chapters/ldm/picture_cache.h"
#include "common/report/option_checks.h"

namespace ldm::program {
namespace {

struct Options : DrawingOptions {
    std::string init_image;
    // absent: as Img2ImgRequest has it
    std::optional<double> strength, image_cfg_scale;
};

double strength_of(const Options& options) {
    return options.strength.value_or(editing::Img2ImgRequest().strength);
}

double image_cfg_scale_of(const Options& options) {
    return options.image_cfg_scale.value_or(editing::Img2ImgRequest().image_cfg_scale);
}

editing::Img2ImgRequest request_of(const Options& options, const image::Image& picture,
                                   const pipeline::Txt2ImgRequest& drawing) {
    return {.drawing = drawing,
            .picture = picture,
            .strength = strength_of(options),
            .image_cfg_scale = image_cfg_scale_of(options)};
}

/// Whether it is one that changes pictures (instruct-pix2pix).
bool changes(const pipeline::ModelSpec& spec) {
    return spec.concat_input() == pipeline::ConcatInput::picture;
}

/// Whether the model takes what was asked for; the others take no notice of it.
void expect_of_use(const Options& options, const pipeline::ModelSpec& spec) {
    if (options.strength && changes(spec))
        throw Error(
            "--strength: this model (instruct-pix2pix) begins with noise; how closely the "
            "picture is followed says --image-cfg-scale");
    if (options.image_cfg_scale && !changes(spec))
        throw Error(
            "--image-cfg-scale is for models that change pictures (instruct-pix2pix); this "
            "one has --strength");
}

Drawing drawing_of(const Options& options, const std::shared_ptr<const image::Image>& picture) {
    Drawing drawing;
    drawing.encodes = true;
    drawing.adjust = [&, picture](auto& request, const auto& spec) {
        if (options.width || options.height) return;
        const image::Extent size = editing::usual_size(*picture, spec);
        request.width = size.width;
        request.height = size.height;
    };
    drawing.expect_possible = [&, picture](const auto& request, const auto& spec) {
        expect_of_use(options, spec);
        expect_possible(request_of(options, *picture, request), spec);
    };
    drawing.steps = [&](const auto& request, const auto& spec) {
        const int steps = step_count(request, spec);
        return changes(spec) ? steps : steps - editing::first_step(steps, strength_of(options));
    };
    drawing.draw = [&, picture](const auto& model, const Batch& batch, const auto& observer) {
        const auto drawn =
            editing::img2img(model, request_of(options, *picture, batch.request), observer);
        return Drawing::Result{drawn, pictures_of(drawn)};
    };
    drawing.parameters = [&](const pipeline::ModelSpec& spec, std::size_t) {
        return changes(spec) ? fmt::format(", Image CFG scale: {}", image_cfg_scale_of(options))
                             : fmt::format(", Denoising strength: {}", strength_of(options));
    };
    return drawing;
}

class Img2Img : public DrawingCommand {
public:
    explicit Img2Img(std::shared_ptr<PictureCache> pictures) : pictures_(std::move(pictures)) {}

    void add_options(CLI::App& command) override;
    DrawingOptions& options() override { return options_; }
    Drawing drawing() const override {
        return drawing_of(options_, pictures_->load(options_.init_image));
    }

private:
    std::shared_ptr<PictureCache> pictures_;
    Options options_;
};

void Img2Img::add_options(CLI::App& command) {
    const editing::Img2ImgRequest usual;
    command.option_defaults()->group(files_group);
    command.add_option("-i,--init-image", options_.init_image, "The picture (PNG, JPEG or BMP)")
        ->type_name("FILE")
        ->required();
    command.option_defaults()->group(changing_group);
    command
        .add_option("--strength", options_.strength,
                    "How much is drawn anew, as a share of the steps, above 0 and up to 1")
        ->check(report::number_between(0.0, 1.0))
        ->default_str(fmt::format("{}", usual.strength));
    command
        .add_option("--image-cfg-scale", options_.image_cfg_scale,
                    "instruct-pix2pix: how closely the picture is followed")
        ->check(report::number_between(0.0, 100.0))
        ->default_str(fmt::format("{}", usual.image_cfg_scale));
    add_drawing_options(command, options_);
}

}  // namespace

void add_img2img(CLI::App& app, int& status) {
    const auto pictures = std::make_shared<PictureCache>();
    add_drawing_command(
        app, "img2img", "Draw a picture again, as a prompt says",
        [pictures] { return std::make_unique<Img2Img>(pictures); }, status);
}

}  // namespace ldm::program
