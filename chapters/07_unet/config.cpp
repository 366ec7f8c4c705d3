#include "chapters/07_unet/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"

namespace ldm::unet {
namespace {

std::optional<int> optional_int(const io::Json& json, std::string_view key) {
    if (!json.contains(key) || json.at(std::string(key)).is_null()) return std::nullopt;
    return io::get<int>(json, key);
}

void expect_positive(int value, std::string_view key) {
    if (value < 1)
        throw Error(fmt::format("UNetModel: '{}' must be at least 1, got {}", key, value));
}

/// What upstream refuses with an assertion, or accepts and then trips over.
void expect_consistent(const Config& config) {
    expect_positive(config.in_channels, "in_channels");
    expect_positive(config.model_channels, "model_channels");
    expect_positive(config.out_channels, "out_channels");
    expect_positive(config.num_res_blocks, "num_res_blocks");
    expect_positive(config.transformer_depth, "transformer_depth");
    expect_positive(config.levels(), "channel_mult");
    for (int mult : config.channel_mult) expect_positive(mult, "channel_mult");
    if (config.levels() > 16) throw Error("UNetModel: 'channel_mult' has more than 16 levels");
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
                          "n_embed",
                          "legacy"},
                         "UNetModel");
    if (const int dims = io::get_or(json, "dims", 2); dims != 2)
        throw Error(fmt::format("UNetModel: 'dims' can only be 2, got {}", dims));

    Config config{
        .in_channels = io::get<int>(json, "in_channels"),
        .model_channels = io::get<int>(json, "model_channels"),
        .out_channels = io::get<int>(json, "out_channels"),
        .num_res_blocks = io::get<int>(json, "num_res_blocks"),
        .attention_resolutions = io::get<std::vector<int>>(json, "attention_resolutions")};
    config.channel_mult = io::get_or(json, "channel_mult", config.channel_mult);
    config.conv_resample = io::get_or(json, "conv_resample", config.conv_resample);
    config.resblock_updown = io::get_or(json, "resblock_updown", config.resblock_updown);
    config.use_scale_shift_norm =
        io::get_or(json, "use_scale_shift_norm", config.use_scale_shift_norm);
    config.num_classes = optional_int(json, "num_classes");
    config.n_embed = optional_int(json, "n_embed");
    config.num_heads = io::get_or(json, "num_heads", config.num_heads);
    config.num_head_channels = io::get_or(json, "num_head_channels", config.num_head_channels);
    config.num_heads_upsample = io::get_or(json, "num_heads_upsample", config.num_heads_upsample);
    config.legacy = io::get_or(json, "legacy", config.legacy);
    config.use_checkpoint = io::get_or(json, "use_checkpoint", config.use_checkpoint);
    config.use_spatial_transformer =
        io::get_or(json, "use_spatial_transformer", config.use_spatial_transformer);
    config.transformer_depth = io::get_or(json, "transformer_depth", config.transformer_depth);
    config.context_dim = optional_int(json, "context_dim");
    config.use_new_attention_order =
        io::get_or(json, "use_new_attention_order", config.use_new_attention_order);
    expect_consistent(config);
    return config;
}

bool Config::attends(int factor) const {
    return std::ranges::find(attention_resolutions, factor) != attention_resolutions.end();
}

}  // namespace ldm::unet
