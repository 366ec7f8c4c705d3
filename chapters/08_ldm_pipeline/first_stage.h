#pragma once

#include <optional>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/02_vae/vector_quantizer.h"
#include "common/io/json.h"

namespace ldm::pipeline {

/// The "first_stage_config" of our config.json.
struct FirstStageConfig {
    /// settings of encoder and decoder
    vae::Config ddconfig;
    /// channels C of a latent
    int embed_dim = 0;
    /// entries of the codebook, if the latents are quantized before they are decoded (upstream:
    /// VQModelInterface); else it is AutoencoderKL
    std::optional<int> n_embed = {};

    /// Throws an Error that names a key or value that is missing or not supported.
    static FirstStageConfig from_json(const io::Json& first_stage_config);

    /// f: width of a picture over width of its latent.
    int factor() const { return 1 << (ddconfig.levels() - 1); }
};

/// The autoencoder as the UNet knows it: its latents times a factor that gives them variance 1, the
/// variance of the noise they are mixed with (ddpm.py: LatentDiffusion.get_first_stage_encoding and
/// decode_first_stage).
///
///     z = scale_factor * (mean + std * noise),      picture = decoder(z / scale_factor)
///
/// SD 1.x has 0.18215. Leaving it out draws washed-out pictures that are still recognizable. A
/// vector-quantized autoencoder replaces each vector of a latent by the nearest entry of its
/// codebook before it decodes; there is no noise in what it encodes:
///
///     z = scale_factor * encoder(x),   picture = decoder(quantize(z / scale_factor))
class FirstStageDecoder {
public:
    /// `weights` is the prefix of decoder, post_quant_conv and quantize: first_stage_model.
    FirstStageDecoder(const nn::Params& weights, const FirstStageConfig& config,
                      float scale_factor);

    /// z [N, C, h, w] -> pictures [N, 3, f h, f w], values around [-1, 1].
    Tensor operator()(const Tensor& z) const { return decoder_(latent_of(z)); }

    /// What the decoder is given for z, of the same shape.
    Tensor latent_of(const Tensor& z) const;

    const vae::LatentDecoder& decoder() const { return decoder_; }

private:
    vae::LatentDecoder decoder_;
    std::optional<vae::VectorQuantizer2> quantize_;
    float scale_factor_;
};

/// Pictures to latents: for training and verification; text to image does not need it.
class FirstStageEncoder {
public:
    /// `weights` is the prefix of encoder and quant_conv: first_stage_model.
    FirstStageEncoder(const nn::Params& weights, const FirstStageConfig& config,
                      float scale_factor);

    /// pictures x [N, 3, H, W] in [-1, 1], standard normal noise [N, C, h, w] -> z [N, C, h, w],
    /// with h = H / f, w = W / f.
    Tensor operator()(const Tensor& x, const Tensor& noise) const {
        return sample(encoder_(x), noise);
    }

    /// The z of what encoder() gave: moments [N, 2 C, h, w], or with a codebook latents
    /// [N, C, h, w], which leave no choice to the noise.
    Tensor sample(const Tensor& encoded, const Tensor& noise) const;

    /// The same without noise: the mean of the posterior.
    Tensor mean(const Tensor& encoded) const;

    /// The shape [N, C, h, w] of the latents of what encoder() gave.
    Shape latent_shape(const Tensor& encoded) const;

    /// f: width of a picture over width of its latent.
    int factor() const { return factor_; }

    const vae::LatentEncoder& encoder() const { return encoder_; }
    float scale_factor() const { return scale_factor_; }

private:
    vae::LatentEncoder encoder_;
    int factor_;
    bool has_codebook_;
    float scale_factor_;
};

}  // namespace ldm::pipeline
