#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "chapters/11_editing/img2img.h"
#include "chapters/11_editing/inpaint.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/drawing_command.h"
#include "chapters/ldm/option_groups.h"
#include "chapters/ldm/picture_cache.h"
#include "common/report/option_checks.h"

namespace ldm::program {
namespace {

struct Options : DrawingOptions {
    std::string image, mask;
    bool invert_mask = false;
    // all but the drawing, the picture and the mask
    editing::InpaintRequest inpaint;
};

Drawing drawing_of(const Options& options, const std::shared_ptr<const image::Image>& picture,
                   const Tensor& mask) {
    const auto request_of = [&options, picture, mask](const pipeline::Txt2ImgRequest& drawing) {
        editing::InpaintRequest request = options.inpaint;
        request.drawing = drawing;
        request.picture = *picture;
        request.mask = mask;
        return request;
    };
    Drawing drawing;
    drawing.encodes = true;
    drawing.adjust = [&options, picture](auto& request, const auto& spec) {
        if (options.width || options.height || options.inpaint.only_masked) return;
        const image::Extent size = editing::usual_size(*picture, spec);
        request.width = size.width;
        request.height = size.height;
    };
    drawing.expect_possible = [=](const auto& request, const auto& spec) {
        expect_possible(request_of(request), spec);
    };
    drawing.extent = [picture](const auto&, const auto&) {
        return image::Extent{picture->width, picture->height};
    };
    drawing.steps = [&](const auto& request, const auto& spec) {
        const int steps = step_count(request, spec);
        return steps - editing::first_step(steps, options.inpaint.strength);
    };
    drawing.draw = [=](const auto& model, const Batch& batch, const auto& observer) {
        const auto result = editing::inpaint(model, request_of(batch.request), observer);
        return Drawing::Result{result.drawn, result.pictures};
    };
    drawing.parameters = [&](const pipeline::ModelSpec&, std::size_t) {
        const editing::InpaintRequest& inpaint = options.inpaint;
        std::string text = fmt::format(", Denoising strength: {}, Mask blur: {}", inpaint.strength,
                                       inpaint.mask_blur);
        if (options.invert_mask) text += ", Mask mode: Inpaint not masked";
        if (inpaint.only_masked)
            text += fmt::format(", Inpaint area: Only masked, Masked area padding: {}",
                                inpaint.padding);
        return text;
    };
    return drawing;
}

class Inpaint : public DrawingCommand {
public:
    explicit Inpaint(std::shared_ptr<PictureCache> pictures) : pictures_(std::move(pictures)) {}

    void add_options(CLI::App& command) override;
    DrawingOptions& options() override { return options_; }
    Drawing drawing() const override {
        const auto picture = pictures_->load(options_.image);
        const Tensor mask = pictures_->load_mask(options_.mask);
        return drawing_of(options_, picture, options_.invert_mask ? editing::inverted(mask) : mask);
    }

private:
    std::shared_ptr<PictureCache> pictures_;
    Options options_;
};

void Inpaint::add_options(CLI::App& command) {
    command.option_defaults()->group(files_group);
    command.add_option("-i,--image", options_.image, "The picture (PNG, JPEG or BMP)")
        ->type_name("FILE")
        ->required();
    command
        .add_option("--mask", options_.mask,
                    "A picture of the same size: what is white, or transparent, is drawn anew")
        ->type_name("FILE")
        ->required();
    command.option_defaults()->group(changing_group);
    command.add_flag("--invert-mask", options_.invert_mask, "Draw what is black instead");
    command
        .add_option("--strength", options_.inpaint.strength,
                    "Below 1 what was there before shows through")
        ->check(report::number_between(0.0, 1.0))
        ->capture_default_str();
    command
        .add_option("--mask-blur", options_.inpaint.mask_blur,
                    "Soft edge between old and new, in pixels")
        ->check(report::number_between(0.0, 256.0))
        ->capture_default_str();
    command.add_flag("--only-masked", options_.inpaint.only_masked,
                     "Draw only the masked part, at the full size of the drawing");
    command
        .add_option("--padding", options_.inpaint.padding,
                    "With --only-masked: pixels around it that the model sees")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str();
    add_drawing_options(command, options_);
}

}  // namespace

void add_inpaint(CLI::App& app, int& status) {
    const auto pictures = std::make_shared<PictureCache>();
    add_drawing_command(
        app, "inpaint", "Draw a part of a picture anew",
        [pictures] { return std::make_unique<Inpaint>(pictures); }, status);
}

}  // namespace ldm::program
