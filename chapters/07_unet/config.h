#pragma once

#include <optional>
#include <vector>

#include "common/io/json.h"

namespace ldm::unet {

/// The arguments of upstream's UNetModel under their names (openaimodel.py: UNetModel).
struct Config {
    int in_channels;
    /// channels of the first level
    int model_channels;
    int out_channels;

    /// ResBlocks of a level in the encoder; the decoder has one more
    int num_res_blocks;
    /// levels with attention: not sizes, but factors by which the picture was downsampled
    std::vector<int> attention_resolutions;
    /// level i has model_channels * channel_mult[i] channels
    std::vector<int> channel_mult = {1, 2, 4, 8};

    /// the time embedding gives scale and shift of ResBlocks, else it is added
    bool use_scale_shift_norm = false;
    /// resize between levels with a convolution, else by repeating and averaging
    bool conv_resample = true;
    /// resize between levels with a ResBlock instead
    bool resblock_updown = false;

    /// attention by SpatialTransformers (chapter 06), which attend to a context, else by
    /// AttentionBlocks (chapter 04)
    bool use_spatial_transformer = false;
    int transformer_depth = 1;
    std::optional<int> context_dim;
    /// their proj_in and proj_out are linear layers, else 1x1 convolutions
    bool use_linear_in_transformer = false;
    bool use_new_attention_order = false;

    /// number and width of attention heads: see heads.h
    int num_heads = -1;
    int num_head_channels = -1;
    /// num_heads unless given
    int num_heads_upsample = -1;
    bool legacy = true;
    /// gradient checkpointing (common/autograd/checkpoint.h)
    bool use_checkpoint = false;

    /// number of class labels y; absent: none
    std::optional<int> num_classes;
    /// predict one of n_embed codebook entries per pixel; absent: a picture
    std::optional<int> n_embed;

    /// Throws an Error that names a key or value that is not supported.
    static Config from_json(const io::Json& json);

    int levels() const { return static_cast<int>(channel_mult.size()); }
    int width(int level) const { return model_channels * channel_mult[level]; }
    int time_width() const { return 4 * model_channels; }
    bool attends(int factor) const;

    /// By how much the picture is smaller at the bottom of the U.
    int down_factor() const { return 1 << (levels() - 1); }
};

}  // namespace ldm::unet
