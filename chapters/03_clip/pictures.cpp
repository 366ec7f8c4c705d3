#include "chapters/03_clip/pictures.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/image/canvas.h"
#include "common/image/color_map.h"
#include "common/ops/transfer.h"

namespace ldm::clip {

using image::Align;
using image::Canvas;

image::Image similarity_matrix(const std::vector<image::Example>& examples,
                               const std::vector<std::string>& captions, const Tensor& anywhere) {
    const Tensor cosines = ops::to(anywhere, Device::cpu);
    constexpr int margin = 28, label_width = 300, cell = 72, row_height = 40, top = 148;
    const int columns = static_cast<int>(examples.size()), rows = static_cast<int>(captions.size());
    expect_shape(cosines, {rows, columns});
    const auto [low, high] = std::ranges::minmax(cosines.values());
    const int left = margin + label_width + 12;

    Canvas canvas(left + columns * cell + margin, top + rows * row_height + margin + 30);
    canvas.text(margin, margin, "Which words belong to which picture?", Align::left, 3);
    for (int j = 0; j < columns; ++j) {
        const auto& picture = examples[j].picture;
        canvas.paste(picture, left + j * cell + (cell - picture.width) / 2,
                     top - 10 - picture.height);
    }
    for (int i = 0; i < rows; ++i) {
        const int y = top + i * row_height;
        canvas.text(left - 12, y + (row_height - image::text_height()) / 2,
                    image::fit_text(captions[i], label_width), Align::right);
        for (int j = 0; j < columns; ++j) {
            const float cosine = cosines.data()[i * columns + j];
            const float share = (cosine - low) / std::max(high - low, 1e-6f);
            canvas.fill(left + j * cell, y, cell - 2, row_height - 2,
                        image::map_color(image::ColorMap::viridis, share));
            canvas.text(left + j * cell + cell / 2, y + (row_height - image::text_height()) / 2,
                        fmt::format("{:.2f}", cosine), Align::centre, 2,
                        share > 0.6f ? image::ink : image::white);
            if (captions[i] == examples[j].caption)
                for (int line = 0; line < 3; ++line)
                    canvas.frame(left + j * cell + line, y + line, cell - 2 - 2 * line,
                                 row_height - 2 - 2 * line, image::curve_color(1));
        }
    }
    canvas.text(
        left, top + rows * row_height + 14,
        "cosine of the angle between the two features; framed: a picture and its own caption",
        Align::left, 2, image::faint);
    return canvas.image();
}

namespace {

constexpr int picture_side = 128, bars_width = 440, bar_height = 7, line_height = 29;

void draw_choice(Canvas& canvas, int x, int y, const Choice& choice) {
    canvas.paste(choice.picture, x, y, std::max(1, picture_side / choice.picture.width));
    const int bars = x + picture_side + 20;
    for (std::size_t i = 0; i < choice.best.size(); ++i) {
        const auto& [caption, probability] = choice.best[i];
        const int line = y + static_cast<int>(i) * line_height;
        const bool right = caption == choice.own;
        canvas.text(bars, line, image::fit_text(caption, bars_width - 60), Align::left, 2,
                    right ? image::ink : image::faint);
        canvas.text(bars + bars_width, line, fmt::format("{:.1f} %", 100 * probability),
                    Align::right, 2, right ? image::ink : image::faint);
        canvas.fill(bars, line + 18, bars_width, bar_height, image::hairline);
        canvas.fill(bars, line + 18, std::max(1, static_cast<int>(bars_width * probability)),
                    bar_height, right ? image::curve_color(1) : image::curve_color(0));
    }
}

}  // namespace

image::Image zero_shot_bars(const std::vector<Choice>& choices, const std::string& title) {
    constexpr int margin = 28, gap = 36, columns = 2, top = 76;
    constexpr int width = picture_side + 20 + bars_width, height = 5 * line_height;
    const int count = static_cast<int>(choices.size()), rows = (count + columns - 1) / columns;
    Canvas canvas(2 * margin + columns * width + (columns - 1) * gap,
                  top + rows * height + (rows - 1) * gap + margin);
    canvas.text(margin, margin, title, Align::left, 3);
    for (int i = 0; i < count; ++i)
        draw_choice(canvas, margin + i % columns * (width + gap),
                    top + i / columns * (height + gap), choices[i]);
    return canvas.image();
}

}  // namespace ldm::clip
