#pragma once

#include <string>
#include <vector>

#include "chapters/07_unet/unet_model.h"
#include "common/autograd/trace.h"
#include "common/figures/sheet.h"

namespace ldm::unet {

/// One block of the U and what it made of a picture.
struct LayerOutput {
    Block block;
    /// "down_blocks.0", the same place in the other vocabulary
    std::string diffusers;
    Tensor y;  // [N, C, H, W]
};

/// The blocks that ran under a Trace, in their order.
std::vector<LayerOutput> layer_outputs(const UNetModel& unet, const Trace& trace);

/// The outputs as a table: the block, its parts, the channels of its skip connection, the shape.
std::string layer_outputs_table(const std::vector<LayerOutput>& steps);

/// The outputs as a figure: each a stack of cards, as high and wide as it has pixels and as thick
/// as it has channels, with the skip connections above, between the input and the output of the
/// UNet. Bright is where the activations are large.
figures::Canvas layer_outputs_figure(const std::vector<LayerOutput>& outputs,
                                     const std::string& title, const figures::Tile& before,
                                     const figures::Tile& after);

}  // namespace ldm::unet
