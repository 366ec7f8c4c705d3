#include "chapters/08_ldm_pipeline/sampling_figure.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/figures/sheet.h"

namespace ldm::pipeline {

figures::Canvas sampling_figure(const LatentDiffusion& model, const Txt2ImgResult& result,
                                const std::string& prompt) {
    expect(!result.steps.empty(), "a figure of the sampling needs the steps, and none were stored");
    const int last = static_cast<int>(result.steps.size()) - 1;
    const int frames = std::min(8, last + 1);
    std::vector<figures::Tile> tiles, pred_x0;
    std::vector<std::string> times;
    for (int frame = 0; frame < frames; ++frame) {
        const int i = frames == 1 ? last : frame * last / (frames - 1);
        const Txt2ImgResult::Step& step = result.steps[i];
        times.push_back(fmt::format("t = {}", step.t));
        tiles.push_back({to_uint8_image(model.decode(step.x), 0)});
        pred_x0.push_back({to_uint8_image(model.decode(step.pred_x0), 0)});
    }
    tiles.insert(tiles.end(), pred_x0.begin(), pred_x0.end());
    return figures::sheet(
        tiles,
        {.title = fmt::format("The reverse process from noise to \"{}\"", prompt),
         .caption =
             "Above: the latent after a step at timestep t, decoded. Below: the predicted x₀ "
             "of the same step, the picture that would be left if all predicted noise were "
             "removed at once. Its outline is there long before the latent shows it.",
         .columns = frames,
         .column_labels = times,
         .row_labels = {"latent, decoded", "predicted x₀"}});
}

}  // namespace ldm::pipeline
