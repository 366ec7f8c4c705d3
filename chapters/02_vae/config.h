#pragma once

#include <vector>

#include "common/io/json.h"

namespace ldm::vae {

/// Of every norm of the autoencoder. The UNet's ResBlocks have 1e-5: mixing the two up is the most
/// common mistake of ports, and hard to see in a picture.
inline constexpr float group_norm_eps = 1e-6f;

/// vanilla: AttnBlock; linear: LinAttnBlock; none: no attention, not even in the middle.
enum class AttnType { vanilla, linear, none };

/// Upstream's `ddconfig`: the shape of Encoder and Decoder. Defaults are those of upstream.
struct Config {
    int ch = 0;                         // channels of the first level
    std::vector<int> ch_mult;           // level i has ch * ch_mult[i] channels
    int num_res_blocks = 0;             // blocks of a level; the decoder has one more
    std::vector<int> attn_resolutions;  // levels with attention, by their nominal resolution
    int resolution = 0;                 // nominal, of level 0; pictures may have any size
    int in_channels = 3;
    int out_ch = 3;
    int z_channels = 0;
    bool double_z = true;  // mean and log-variance, not the mean alone
    bool resamp_with_conv = true;
    AttnType attn_type = AttnType::vanilla;
    bool give_pre_end = false;  // the decoder returns its last features, not a picture
    bool tanh_out = false;      // the decoder's picture goes through tanh

    /// Throws an Error that names a key or value that is not supported.
    static Config from_json(const io::Json& ddconfig);

    int levels() const { return static_cast<int>(ch_mult.size()); }

    /// The channels of a level.
    int width(int level) const { return ch * ch_mult[level]; }

    bool has_attention_at(int nominal_resolution) const;
};

}  // namespace ldm::vae
