#include "chapters/11_editing/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/11_editing/fold_unfold.h"
#include "chapters/11_editing/tiled_first_stage.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::editing {
namespace {

constexpr float difference_gain = 8.0f;

/// Two rows of two.
Tensor joined(const std::vector<image::Example>& pictures) {
    expect(pictures.size() == 4, "the figure shows four pictures");
    std::vector<Tensor> rows;
    for (const std::size_t i : {0, 2})
        rows.push_back(ops::concat(
            {image::to_tensor(pictures[i].picture), image::to_tensor(pictures[i + 1].picture)}, 3));
    return ops::concat(rows, 2);
}

/// Of pictures in [-1, 1] whose ends are 255 apart.
double difference_in_255ths(const Tensor& a, const Tensor& b) {
    float largest = 0;
    for (std::int64_t i = 0; i < a.size(); ++i)
        largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
    return 127.5 * static_cast<double>(largest);
}

}  // namespace

std::vector<TiledDecoding> tiled_decodings(const pipeline::FirstStageEncoder& encoder,
                                           const pipeline::FirstStageDecoder& decoder,
                                           const std::vector<image::Example>& pictures,
                                           Device device) {
    const Tensor x = ops::to(joined(pictures), device);
    // the mean of the posterior
    const vae::DiagonalGaussian posterior(encoder.encoder()(x));
    const Tensor z = posterior.mode() * encoder.scale_factor();
    const Size latent{z.dim(2), z.dim(3)}, half{latent.height / 2, latent.width / 2};
    const int f = static_cast<int>(x.dim(2) / latent.height);

    std::vector<TiledDecoding> decodings;
    const auto add = [&](const std::string& name, const Tensor& picture) {
        const Tensor here = ops::to(picture, Device::cpu);
        const Tensor& whole = decodings.empty() ? here : decodings[0].picture;
        decodings.push_back({name, here, difference_in_255ths(here, whole)});
    };
    add("at once", decoder(z));
    add("tiles", apply_patchwise(decoder, z, {.kernel = half, .stride = half, .uf = f}));
    const Size quarter{half.height / 2, half.width / 2};
    add("overlapping tiles",
        apply_patchwise(decoder, z, {.kernel = half, .stride = quarter, .uf = f}));
    // a strip of four rows at the picture's own size, of more where there are fewer pixels
    add("strips", decode_in_strips(decoder, z, 4 * x.dim(3)));
    return decodings;
}

figures::Canvas seams_figure(const std::vector<TiledDecoding>& decodings) {
    std::vector<figures::Tile> pictures, differences;
    std::vector<std::string> headings;
    const Tensor& whole = decodings.at(0).picture;
    for (const TiledDecoding& decoding : decodings) {
        headings.push_back(decoding.name);
        pictures.push_back({image::to_image(decoding.picture)});
        differences.push_back({image::to_image(difference_gain * (decoding.picture - whole)),
                               fmt::format("max {:.1f} / 255", decoding.difference)});
    }
    pictures.insert(pictures.end(), differences.begin(), differences.end());
    return figures::sheet(
        pictures, {.title = "One latent, decoded at once and in parts",
                   .caption = fmt::format(
                       "Below: what differs from the picture decoded at once, {:g} times (grey: "
                       "nothing). A tile decoded by itself has its own mean and variance in "
                       "every GroupNorm. Overlap hides the seams, not that. Strips that share "
                       "the mean and variance of the whole picture make the same picture.",
                       difference_gain),
                   .columns = static_cast<int>(headings.size()),
                   .column_labels = headings,
                   .row_labels = {"decoded", fmt::format("{:g} × difference", difference_gain)}});
}

}  // namespace ldm::editing
