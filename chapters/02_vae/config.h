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
    /// channels of the first level
    int ch = 0;
    /// level i has ch * ch_mult[i] channels
    std::vector<int> ch_mult;
    /// blocks of a level; the decoder has one more
    int num_res_blocks = 0;
    /// levels with attention, by their nominal resolution
    std::vector<int> attn_resolutions;
    /// nominal width and height of level 0 in pixels; pictures may have any size
    int resolution = 0;
    int in_channels = 3;
    int out_ch = 3;
    int z_channels = 0;
    /// mean and log-variance, not the mean alone
    bool double_z = true;
    bool resamp_with_conv = true;
    AttnType attn_type = AttnType::vanilla;
    /// the decoder returns its last features, not a picture
    bool give_pre_end = false;
    /// the decoder's picture goes through tanh
    bool tanh_out = false;

    /// Throws an Error that names a key or value that is not supported.
    static Config from_json(const io::Json& ddconfig);

    int levels() const { return static_cast<int>(ch_mult.size()); }

    /// Channels of what is encoded as a latent of `latent_channels`.
    int encoded_channels(int latent_channels) const {
        return double_z ? 2 * latent_channels : latent_channels;
    }

    /// The channels of a level.
    int width(int level) const { return ch * ch_mult[level]; }

    bool has_attention_at(int nominal_resolution) const;
};

}  // namespace ldm::vae
