#pragma once

#include <optional>
#include <vector>

#include "common/io/json.h"

namespace ldm::unet {

/// The arguments of upstream's UNetModel under their names (openaimodel.py: UNetModel).
struct Config {
    int in_channels;
    // the width at the top of the U
    int model_channels;
    int out_channels;

    // the U: one level for each entry of channel_mult, so many times model_channels wide
    // per level on the way down; one more on the way up
    int num_res_blocks;
    // not sizes: factors by which the picture was shrunk
    std::vector<int> attention_resolutions;
    std::vector<int> channel_mult = {1, 2, 4, 8};

    // its ResBlocks, and how the picture is resized between levels
    // how the time enters
    bool use_scale_shift_norm = false;
    // with a convolution, or by repeating and averaging
    bool conv_resample = true;
    // with a ResBlock instead
    bool resblock_updown = false;

    // its attention: chapter 06, which reads words, or chapter 04's AttentionBlock
    bool use_spatial_transformer = false;
    int transformer_depth = 1;
    std::optional<int> context_dim;
    bool use_new_attention_order = false;

    // how attention is cut into heads: see heads.h
    int num_heads = -1;
    int num_head_channels = -1;
    // num_heads unless given
    int num_heads_upsample = -1;
    bool legacy = true;
    // training remembers less and computes more (common/autograd/checkpoint.h)
    bool use_checkpoint = false;

    // labels y, instead of words or beside them
    std::optional<int> num_classes;
    // predict one of n codebook entries per pixel
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
