#include "chapters/08_ldm_pipeline/film_strip.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/image/sheet.h"

namespace ldm::pipeline {

image::Image film_strip(const LatentDiffusion& model, const Txt2ImgResult& result,
                        const std::string& title) {
    expect(!result.steps.empty(), "a film strip shows steps, and none were kept");
    const int last = static_cast<int>(result.steps.size()) - 1;
    const int frames = std::min(8, last + 1);
    std::vector<image::Tile> latents, predictions;
    for (int frame = 0; frame < frames; ++frame) {
        const int i = frames == 1 ? last : frame * last / (frames - 1);
        const Txt2ImgResult::Step& step = result.steps[i];
        latents.push_back({to_uint8_image(model.decode(step.x), 0), fmt::format("t = {}", step.t)});
        predictions.push_back({to_uint8_image(model.decode(step.pred_x0), 0), ""});
    }
    std::vector<image::Tile> tiles = latents;
    tiles.insert(tiles.end(), predictions.begin(), predictions.end());
    return image::sheet(tiles, {.title = "\"" + title + "\"",
                                .note = "above: the latent after the step, decoded; below: what "
                                        "the model predicts at that step (pred_x0)",
                                .columns = frames,
                                .tile_size = 128,
                                .row_labels = {"latent", "pred_x0"}});
}

}  // namespace ldm::pipeline
