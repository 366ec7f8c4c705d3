#include <memory>
#include <string>
#include <utility>

#include "chapters/13_super_resolution/upscale.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/drawing_command.h"
#include "chapters/ldm/option_groups.h"
#include "chapters/ldm/picture_cache.h"

namespace ldm::program {
namespace {

struct Options : DrawingOptions {
    std::string image;
};

Drawing drawing_of(const std::shared_ptr<const image::Image>& picture) {
    const auto request_of = [picture](const pipeline::Txt2ImgRequest& drawing) {
        return super_resolution::UpscaleRequest{.drawing = drawing, .picture = *picture};
    };
    Drawing drawing;
    drawing.default_model = "emoji_super_resolution";
    drawing.adjust = [picture](auto& request, const auto& spec) {
        const image::Extent size = super_resolution::drawn_size(*picture, spec);
        request.width = size.width;
        request.height = size.height;
    };
    drawing.expect_possible = [=](const auto& request, const auto& spec) {
        expect_possible(request_of(request), spec);
    };
    drawing.extent = [picture](const auto&, const auto& spec) {
        return super_resolution::enlarged(*picture, spec);
    };
    drawing.draw = [=](const auto& model, const Batch& batch, const auto& observer) {
        auto result = super_resolution::upscale(model, request_of(batch.request), observer);
        return Drawing::Result{std::move(result.drawn), std::move(result.pictures)};
    };
    return drawing;
}

class Upscale : public DrawingCommand {
public:
    explicit Upscale(std::shared_ptr<PictureCache> pictures) : pictures_(std::move(pictures)) {}

    void add_options(CLI::App& command) override {
        command.option_defaults()->group(files_group);
        command.add_option("-i,--image", options_.image, "The picture (PNG, JPEG or BMP)")
            ->type_name("FILE")
            ->required();
        add_drawing_options(command, options_);
    }
    DrawingOptions& options() override { return options_; }
    Drawing drawing() const override { return drawing_of(pictures_->load(options_.image)); }

private:
    std::shared_ptr<PictureCache> pictures_;
    Options options_;
};

}  // namespace

void add_upscale(CLI::App& app, int& status) {
    const auto pictures = std::make_shared<PictureCache>();
    add_drawing_command(
        app, "upscale", "Draw a picture anew, four times as large",
        [pictures] { return std::make_unique<Upscale>(pictures); }, status);
}

}  // namespace ldm::program
