#pragma once

#include "chapters/07_unet/config.h"

namespace ldm::unet {

/// How an attention of this UNet is cut: `count` heads of `width` channels each.
struct Heads {
    int count;
    int width;
    bool operator==(const Heads&) const = default;
};

enum class Side { down, middle, up };

/// Upstream's rules grew over the years, and checkpoints depend on all of them:
///
///     num_head_channels given           heads = channels / num_head_channels, that wide
///     else num_heads                    that many, width = channels / num_heads
///     legacy, with a transformer        the width is always channels / heads
///     legacy, without, on the way up    num_heads_upsample heads
///
/// Throws when `channels` cannot be cut like that.
Heads heads_for(const Config& config, int channels, Side side);

}  // namespace ldm::unet
