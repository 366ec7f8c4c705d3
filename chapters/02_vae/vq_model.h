#pragma once

#include "chapters/02_vae/autoencoder.h"
#include "chapters/02_vae/vector_quantizer.h"

namespace ldm::vae {

/// An autoencoder with a vector-quantized latent (VQ-VAE, VQGAN; VQModel in ldm's autoencoder.py):
///
///     picture = decode(quantize(encode_to_prequant(x)))
///
/// x [N, in_channels, H, W], latents [N, embed_dim, h, w].
/// Keys encoder.…, quant_conv, quantize.embedding.weight, post_quant_conv, decoder.…
class VQModel {
public:
    struct Config {
        /// without double_z: there is no variance
        vae::Config ddconfig;
        /// number of codebook entries
        int n_embed = 0;
        /// dimension of a codebook entry
        int embed_dim = 0;
        bool sane_index_shape = false;
        /// only some entries have an index, a new one
        std::optional<IndexRemap::Config> remap;
    };

    VQModel(const nn::Params& weights, const Config& config);

    /// The latent before quantization.
    Tensor encode_to_prequant(const Tensor& x) const { return encoder_(x); }

    /// `lots` are for entries without an index (IndexRemap::to_used).
    VectorQuantizer2::Result encode(const Tensor& x, const Tensor& lots = {}) const;

    /// A quantized latent -> picture.
    Tensor decode(const Tensor& quant) const { return decoder_(quant); }

    const VectorQuantizer2& quantize() const { return quantize_; }

private:
    LatentEncoder encoder_;
    LatentDecoder decoder_;
    VectorQuantizer2 quantize_;
};

/// The same as the first stage of a diffusion model, whose latents are those before quantization
/// (VQModelInterface): decode() quantizes first.
class VQModelInterface {
public:
    /// Nobody asks for indices, so that `remap` has no meaning.
    VQModelInterface(const nn::Params& weights, VQModel::Config config);

    Tensor encode(const Tensor& x) const { return model_.encode_to_prequant(x); }
    Tensor decode(const Tensor& h, bool force_not_quantize = false) const;

private:
    VQModel model_;
};

}  // namespace ldm::vae
