#include "chapters/07_unet/heads.h"

#include <fmt/format.h>

#include "common/error.h"

namespace ldm::unet {
namespace {

/// A transformer brings its own width, which need not be that of the picture.
Heads transformer_heads(const Config& config, int channels) {
    if (config.num_head_channels == -1) return {config.num_heads, channels / config.num_heads};
    const int count = channels / config.num_head_channels;
    return {count, config.legacy && count > 0 ? channels / count : config.num_head_channels};
}

/// An AttentionBlock has to share out exactly the channels there are.
Heads block_heads(const Config& config, int channels, Side side) {
    int width = config.num_head_channels;
    if (width == -1 && config.legacy) {
        const bool special = side == Side::up && config.num_heads_upsample != -1;
        const int count = special ? config.num_heads_upsample : config.num_heads;
        return {count, channels / count};
    }
    if (width == -1) width = channels / config.num_heads;
    return {width > 0 ? channels / width : 0, width};
}

}  // namespace

Heads heads_for(const Config& config, int channels, Side side) {
    const int counts[] = {config.num_heads, config.num_head_channels, config.num_heads_upsample};
    for (int count : counts)
        if (count == 0 || count < -1)
            throw Error(fmt::format("UNetModel: {} attention heads", count));

    const Heads heads = config.use_spatial_transformer ? transformer_heads(config, channels)
                                                       : block_heads(config, channels, side);
    const bool exact = heads.count * heads.width == channels;
    if (heads.count < 1 || heads.width < 1 || (!config.use_spatial_transformer && !exact))
        throw Error(fmt::format(
            "UNetModel: {} channels cannot be cut into heads: num_heads {}, num_head_channels {}",
            channels, config.num_heads, config.num_head_channels));
    return heads;
}

}  // namespace ldm::unet
