#pragma once

#include <vector>

#include "chapters/08_ldm_pipeline/first_stage.h"
#include "common/figures/canvas.h"
#include "common/image/example_pictures.h"

namespace ldm::editing {

/// A latent decoded at once, in tiles that know nothing of each other, in overlapping tiles, and in
/// strips.
struct TiledDecoding {
    std::string name;
    Tensor picture;  // [1, 3, H, W]
    /// the largest difference from the picture decoded at once, in 255ths of white
    double difference;
};

/// Four pictures of one size as one, encoded and then decoded in these ways; at once comes first.
[[nodiscard]] std::vector<TiledDecoding> tiled_decodings(
    const pipeline::FirstStageEncoder& encoder, const pipeline::FirstStageDecoder& decoder,
    const std::vector<image::Example>& pictures, Device device);

/// The pictures above, and below each what it differs by from the one decoded at once, 8 times.
[[nodiscard]] figures::Canvas seams_figure(const std::vector<TiledDecoding>& decodings);

}  // namespace ldm::editing
