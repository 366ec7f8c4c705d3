#pragma once

#include <string>
#include <vector>

#include "chapters/07_unet/unet_model.h"
#include "common/autograd/trace.h"
#include "common/image/sheet.h"

namespace ldm::unet {

/// One block of the U and what it made of a picture.
struct Step {
    Block block;
    // "down_blocks.0", the same place in the other vocabulary
    std::string diffusers;
    Tensor y;  // [N, C, H, W]
};

/// The blocks that ran under a Trace, in their order.
std::vector<Step> walk(const UNetModel& unet, const Trace& trace);

/// The walk as a table: which block, made of what, with what from the bridge, and the shape after.
std::string walk_table(const std::vector<Step>& steps);

/// The walk as a picture: every result a stack of cards, as high and wide as it has pixels and as
/// thick as it has channels, with the bridges above, between what goes in and what comes out.
/// Bright is where the numbers are large.
image::Image walk_picture(const std::vector<Step>& steps, const std::string& title,
                          const image::Tile& before, const image::Tile& after);

}  // namespace ldm::unet
