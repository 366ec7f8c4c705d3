#include "chapters/07_unet/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"

namespace ldm::unet {
namespace {

// Far beyond every model there is, and small enough that no product of two overflows.
constexpr int most_channels = 1 << 14;
constexpr int most_levels = 16;
constexpr int most_blocks = 64;
constexpr int most_labels = 1 << 20;

std::optional<int> optional_int(const io::Json& json, std::string_view key, int most) {
    if (!io::has(json, key)) return std::nullopt;
    return io::get_in(json, key, 1, most);
}

/// What upstream refuses with an assertion, or accepts and then trips over.
void expect_consistent(const Config& config) {
    if (config.channel_mult.empty())
        throw Error("UNetModel: 'channel_mult' must have an entry for each level");
    if (config.model_channels * std::ranges::max(config.channel_mult) > most_channels)
        throw Error(fmt::format(
            "UNetModel: 'model_channels' times 'channel_mult' must be at most {}", most_channels));
    if (config.channel_mult[0] != 1)
        throw Error(
            "UNetModel: 'channel_mult' must begin with 1, the width that the last convolution "
            "expects");
    if (config.num_heads == -1 && config.num_head_channels == -1)
        throw Error("UNetModel: either 'num_heads' or 'num_head_channels' has to be set");
    if (config.use_spatial_transformer != config.context_dim.has_value())
        throw Error("UNetModel: 'use_spatial_transformer' and 'context_dim' belong together");
}

}  // namespace

Config Config::from_json(const io::Json& json) {
    io::expect_only_keys(json,
                         {"image_size",
                          "in_channels",
                          "model_channels",
                          "out_channels",
                          "num_res_blocks",
                          "attention_resolutions",
                          "dropout",
                          "channel_mult",
                          "conv_resample",
                          "dims",
                          "num_classes",
                          "use_checkpoint",
                          "num_heads",
                          "num_head_channels",
                          "num_heads_upsample",
                          "use_scale_shift_norm",
                          "resblock_updown",
                          "use_new_attention_order",
                          "use_spatial_transformer",
                          "transformer_depth",
                          "context_dim",
                          "use_linear_in_transformer",
                          "n_embed",
                          "legacy"},
                         "UNetModel");
    if (const int dims = io::get_or(json, "dims", 2); dims != 2)
        throw Error(fmt::format("UNetModel: 'dims' can only be 2, got {}", dims));

    Config config{.in_channels = io::get_in(json, "in_channels", 1, most_channels),
                  .model_channels = io::get_in(json, "model_channels", 1, most_channels),
                  .out_channels = io::get_in(json, "out_channels", 1, most_channels),
                  .num_res_blocks = io::get_in(json, "num_res_blocks", 1, most_blocks),
                  .attention_resolutions = io::get_list_in(json, "attention_resolutions", 0,
                                                           1 << most_levels, most_levels)};
    if (io::has(json, "channel_mult"))
        config.channel_mult = io::get_list_in(json, "channel_mult", 1, most_channels, most_levels);
    config.conv_resample = io::get_or(json, "conv_resample", config.conv_resample);
    config.resblock_updown = io::get_or(json, "resblock_updown", config.resblock_updown);
    config.use_scale_shift_norm =
        io::get_or(json, "use_scale_shift_norm", config.use_scale_shift_norm);
    config.num_classes = optional_int(json, "num_classes", most_labels);
    config.n_embed = optional_int(json, "n_embed", most_labels);
    config.num_heads = io::get_in_or(json, "num_heads", -1, most_channels, config.num_heads);
    config.num_head_channels =
        io::get_in_or(json, "num_head_channels", -1, most_channels, config.num_head_channels);
    config.num_heads_upsample =
        io::get_in_or(json, "num_heads_upsample", -1, most_channels, config.num_heads_upsample);
    config.legacy = io::get_or(json, "legacy", config.legacy);
    config.use_checkpoint = io::get_or(json, "use_checkpoint", config.use_checkpoint);
    config.use_spatial_transformer =
        io::get_or(json, "use_spatial_transformer", config.use_spatial_transformer);
    config.transformer_depth =
        io::get_in_or(json, "transformer_depth", 1, most_blocks, config.transformer_depth);
    config.context_dim = optional_int(json, "context_dim", most_channels);
    config.use_linear_in_transformer =
        io::get_or(json, "use_linear_in_transformer", config.use_linear_in_transformer);
    config.use_new_attention_order =
        io::get_or(json, "use_new_attention_order", config.use_new_attention_order);
    expect_consistent(config);
    return config;
}

bool Config::attends(int factor) const {
    return std::ranges::find(attention_resolutions, factor) != attention_resolutions.end();
}

}  // namespace ldm::unet
