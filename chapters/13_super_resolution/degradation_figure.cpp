#include "chapters/13_super_resolution/degradation_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "chapters/13_super_resolution/bsrgan.h"
#include "chapters/13_super_resolution/classical.h"
#include "chapters/13_super_resolution/imresize.h"
#include "chapters/13_super_resolution/metrics.h"
#include "chapters/13_super_resolution/unit_picture.h"
#include "common/figures/figure.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"

namespace ldm::super_resolution {
namespace {

using figures::Canvas;
using image::Image;

/// A picture in the middle of a square, and the lines below it.
struct Stage {
    Image picture;
    std::vector<std::string> lines;
};

constexpr int stages_in_a_row = 5, stage_size = 192, stage_lines = 3, stage_gap = 14;
constexpr double line = figures::line_height(figures::small_size + 1);

Stage stage_of(const Image& picture, const std::string& words) {
    std::vector<std::string> lines = figures::wrap_text(words, stage_size, figures::small_size + 1);
    lines.push_back(fmt::format("{}x{} pixels", picture.width, picture.height));
    return {picture, lines};
}

std::vector<Stage> stages_of(const Tensor& x, const Plan& plan) {
    std::vector<Stage> stages = {stage_of(to_bytes(x), "the picture")};
    (void)degrade(x, plan, [&](const Step& step, const Tensor& y) {
        stages.push_back(
            stage_of(to_bytes(y), fmt::format("{}. {}", stages.size(), describe(step))));
    });
    return stages;
}

Canvas draw_stages(const std::vector<Stage>& stages) {
    const int count = static_cast<int>(stages.size()),
              rows = (count + stages_in_a_row - 1) / stages_in_a_row,
              columns = (count + rows - 1) / rows;
    const double row_height = stage_size + stage_lines * line + stage_gap;
    Canvas canvas(columns * (stage_size + stage_gap) - stage_gap + 2, rows * row_height);
    for (int i = 0; i < count; ++i) {
        const double x = i % columns * (stage_size + stage_gap),
                     y = std::round(i / columns * row_height);
        canvas.draw(figures::sheet({{stages[i].picture}}, {.tile_size = stage_size}), {x, y});
        for (std::size_t k = 0; k < stages[i].lines.size(); ++k)
            canvas.text({x + stage_size / 2.0, y + stage_size + 6 + (k + 0.5) * line},
                        stages[i].lines[k],
                        {.align = figures::Align::centre,
                         .size = figures::small_size + 1,
                         .color = k + 1 == stages[i].lines.size() ? figures::faint : figures::ink});
    }
    return canvas;
}

figures::Tile result_tile(const Tensor& low, const Tensor& x, int scale) {
    return {to_bytes(low), fmt::format("{:.1f} dB", psnr_of_enlarged(low, x, scale))};
}

Canvas draw_seeds(const Tensor& x, int scale, std::uint64_t seed) {
    const image::Extent size = extent_of(x);
    std::vector<figures::Tile> tiles;
    std::vector<std::string> headings = {"cubic alone"};
    for (const auto planner : {plan_bsrgan, plan_bsrgan_light, plan_bsrgan_plus}) {
        tiles.push_back(result_tile(ops::clamp(bicubic_degradation(x, scale), 0, 1), x, scale));
        for (int i = 0; i < seeds_in_a_row; ++i)
            tiles.push_back(result_tile(degrade(x, planner(size, scale, seed + i)), x, scale));
    }
    for (int i = 0; i < seeds_in_a_row; ++i) headings.push_back(fmt::format("seed {}", seed + i));
    return figures::sheet(tiles, {.columns = 1 + seeds_in_a_row,
                                  .tile_size = 96,
                                  .column_labels = headings,
                                  .row_labels = {"bsrgan", "bsrgan_light", "bsrgan_plus"}});
}

}  // namespace

double psnr_of_enlarged(const Tensor& low, const Tensor& picture, int scale) {
    return psnr(ops::clamp(imresize(low, scale), 0, 1), picture);
}

Canvas degradation_figure(const Image& picture, int scale, std::uint64_t seed) {
    const Tensor x = image::to_unit_tensor(picture);
    const std::uint64_t shown = seed + seeds_in_a_row - 1;
    const Canvas above = draw_stages(stages_of(x, plan_bsrgan(extent_of(x), scale, shown))),
                 below = draw_seeds(x, scale, seed);
    constexpr double space = 26;
    Canvas body(std::max(above.width(), below.width()), above.height() + space + below.height());
    // at the right, where the pictures of the last seed stand
    body.draw(above, {std::floor(std::max(0.0, below.width() - above.width())), 0});
    body.draw(below, {0, above.height() + space});
    return figures::figure(
        fmt::format("What a picture goes through, {} times smaller", scale), body,
        fmt::format(
            "Above: each step of bsrgan's plan for seed {}. Below: what other seeds and the two "
            "other degradations make of the picture; under each, how near it is to the picture "
            "when it is enlarged again (PSNR). The cubic of MATLAB alone is what older papers "
            "trained with: a network that saw nothing else takes noise and blocks for a part of "
            "the picture.",
            shown));
}

}  // namespace ldm::super_resolution
