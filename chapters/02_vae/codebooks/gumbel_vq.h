#pragma once

#include "chapters/02_vae/autoencoder.h"
#include "chapters/02_vae/codebooks/gumbel_quantize.h"

namespace ldm::vae {

/// An autoencoder whose codebook entries are drawn by lot (GumbelVQ in taming/models/vqgan.py):
///
///     picture = decode(quantize(encode_to_prequant(x)))
///
/// x [N, in_channels, H, W], latents [N, embed_dim, h, w].
/// Keys encoder.…, quant_conv, quantize.proj, quantize.embed, post_quant_conv, decoder.…
class GumbelVQ {
public:
    struct Config {
        /// without double_z: there is no variance
        vae::Config ddconfig;
        /// number of codebook entries
        int n_embed = 0;
        /// dimension of a codebook entry. Upstream's quantizer expects z_channels where it is given
        /// embed_dim, and so the two must be equal
        int embed_dim = 0;
        float kl_weight = 1e-8f;
        std::optional<IndexRemap::Config> remap;

        /// Throws an Error that names a key or value that is not supported.
        static Config from_json(const io::Json& json);
    };

    /// Throws an Error unless embed_dim is z_channels.
    GumbelVQ(const nn::Params& weights, const Config& config);

    /// The latent before quantization.
    Tensor encode_to_prequant(const Tensor& x) const { return encoder_(x); }

    /// A quantized latent -> picture.
    Tensor decode(const Tensor& quant) const { return decoder_(quant); }

    const GumbelQuantize& quantize() const { return quantize_; }

private:
    LatentEncoder encoder_;
    LatentDecoder decoder_;
    GumbelQuantize quantize_;
};

}  // namespace ldm::vae
