#pragma once

#include <string>
#include <vector>

#include "chapters/07_unet/unet_model.h"
#include "common/autograd/trace.h"
#include "common/image/sheet.h"

namespace ldm::unet {

/// One block of the U and what it made of a picture.
struct LayerOutput {
    Block block;
    // "down_blocks.0", the same place in the other vocabulary
    std::string diffusers;
    Tensor y;  // [N, C, H, W]
};

/// The blocks that ran under a Trace, in their order.
std::vector<LayerOutput> layer_outputs(const UNetModel& unet, const Trace& trace);

/// The forward pass as a table: which block, made of what, the channels of its skip connection, and
/// the shape after it.
std::string layer_outputs_table(const std::vector<LayerOutput>& steps);

/// The forward pass as a picture: every result a stack of cards, as high and wide as it has pixels
/// and as thick as it has channels, with the skip connections above, between input and output.
/// Bright is where the numbers are large.
image::Image layer_outputs_picture(const std::vector<LayerOutput>& steps, const std::string& title,
                                   const image::Tile& before, const image::Tile& after);

}  // namespace ldm::unet
