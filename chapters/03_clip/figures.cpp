#include "chapters/03_clip/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/figures/bar_chart.h"
#include "common/figures/color_map.h"
#include "common/figures/figure.h"
#include "common/figures/heat_map.h"
#include "common/ops/transfer.h"

namespace ldm::clip {

using figures::Align;
using figures::Canvas;

namespace {

constexpr double label_width = 290, cell = 68, row_height = 36, header = 76;
constexpr double left = label_width + 12;

/// The cosines of one caption with all pictures.
void draw_row(Canvas& canvas, double y, const std::string& caption, std::span<const float> cosines,
              float low, float high, const std::vector<image::Example>& examples) {
    const double middle = y + row_height / 2;
    canvas.text({label_width, middle}, figures::fit_text(caption, label_width),
                {.align = Align::right});
    for (std::size_t j = 0; j < cosines.size(); ++j) {
        const double x = left + static_cast<double>(j) * cell;
        const float share = (cosines[j] - low) / std::max(high - low, 1e-6f);
        const figures::Rectangle area{x, y, cell - 2, row_height - 2};
        canvas.fill(area, figures::map_color(figures::ColorMap::viridis, share));
        canvas.text({x + cell / 2 - 1, middle - 1}, fmt::format("{:.2f}", cosines[j]),
                    {.align = Align::centre,
                     .size = 14,
                     .color = share > 0.6f ? figures::ink : image::white});
        if (caption == examples[j].caption) canvas.frame(area, figures::curve_color(1), 3);
    }
}

}  // namespace

Canvas similarity_figure(const std::vector<image::Example>& examples,
                         const std::vector<std::string>& captions, const Tensor& anywhere) {
    const Tensor cosines = ops::to(anywhere, Device::cpu);
    const std::size_t columns = examples.size(), rows = captions.size();
    expect_shape(cosines, {std::ssize(captions), std::ssize(examples)});
    const auto [low, high] = std::ranges::minmax(cosines.values());

    Canvas body(left + static_cast<double>(columns) * cell,
                header + static_cast<double>(rows) * row_height + 12 + figures::color_scale_height);
    for (std::size_t j = 0; j < columns; ++j)
        body.picture(examples[j].picture,
                     {left + static_cast<double>(j) * cell + 1, 0, cell - 4, cell - 4});
    for (std::size_t i = 0; i < rows; ++i)
        draw_row(body, header + static_cast<double>(i) * row_height, captions[i],
                 cosines.values().subspan(i * columns, columns), low, high, examples);
    figures::draw_color_scale(
        body, {left, body.height() - figures::color_scale_height},
        {figures::ColorMap::viridis, fmt::format("{:.2f}", low), fmt::format("{:.2f}", high),
         "cosine of text feature and image feature"});
    return figures::figure(
        "Cosine similarity of captions and pictures", body,
        "A row is a caption, a column a picture; framed: a picture and its own caption. Training "
        "pulls the framed pairs together and pushes all others apart: on the diagonal should be "
        "the "
        "largest cosine of each row and of each column.");
}

Canvas zero_shot_figure(const std::vector<Choice>& choices, std::size_t classes) {
    constexpr double side = 128, bars_width = 440, gap = 30, columns = 2;
    constexpr double width = side + 16 + bars_width;
    const auto count = static_cast<double>(choices.size());
    const double rows = std::max(1.0, std::ceil(count / columns));
    Canvas body(columns * width + gap, rows * (side + gap) - gap);
    for (std::size_t i = 0; i < choices.size(); ++i) {
        std::vector<figures::Bar> bars;
        for (const auto& [caption, probability] : choices[i].best)
            bars.push_back({caption, probability, fmt::format("{:.1f} %", 100 * probability),
                            caption == choices[i].own});
        const std::size_t column = i % 2, row = i / 2;
        const double x = static_cast<double>(column) * (width + gap);
        const double y = static_cast<double>(row) * (side + gap);
        body.picture(choices[i].picture, {x, y, side, side});
        body.draw(figures::bar_chart(bars, {.width = bars_width, .name_width = 230}),
                  {x + side + 16, y});
    }
    return figures::figure(
        fmt::format("Zero-shot classification with {} captions as classes", classes), body,
        "The five most probable captions of each picture: softmax over the scaled cosines with all "
        "captions. Orange: the picture's own caption.");
}

}  // namespace ldm::clip
