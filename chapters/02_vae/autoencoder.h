#pragma once

#include "chapters/02_vae/decoder.h"
#include "chapters/02_vae/encoder.h"
#include "chapters/02_vae/gaussian.h"
#include "common/nn/model_source.h"

namespace ldm::vae {

/// The encoder, and a 1x1 convolution of its channels: x [N, in_channels, H, W] in [-1, 1] -> with
/// double_z the moments of the posterior q(z | x) (DiagonalGaussian), [N, 2 embed_dim, h, w], else
/// the latent itself, [N, embed_dim, h, w].
class LatentEncoder {
public:
    LatentEncoder(const nn::Params& weights, const Config& config, int embed_dim);
    Tensor operator()(const Tensor& x) const;

    const Encoder& encoder() const { return encoder_; }
    const nn::Conv2d& quant_conv() const { return quant_conv_; }

private:
    Encoder encoder_;
    nn::Conv2d quant_conv_;
};

/// Latent to picture: a 1x1 convolution of its channels, and the decoder. All that txt2img needs.
/// z [N, embed_dim, h, w], not scaled -> [N, out_ch, f h, f w].
class LatentDecoder {
public:
    LatentDecoder(const nn::Params& weights, const Config& config, int embed_dim);
    Tensor operator()(const Tensor& z) const;

    const nn::Conv2d& post_quant_conv() const { return post_quant_conv_; }
    const Decoder& decoder() const { return decoder_; }

private:
    nn::Conv2d post_quant_conv_;
    Decoder decoder_;
};

/// The first stage of latent diffusion, a variational autoencoder (VAE; AutoencoderKL in ldm's
/// autoencoder.py):
///
///     q(z | x) = quant_conv(encoder(x)),   picture = decoder(post_quant_conv(z))
class AutoencoderKL {
public:
    /// Throws an Error unless `config` has double_z.
    AutoencoderKL(const nn::Params& weights, const Config& config, int embed_dim);

    DiagonalGaussian encode(const Tensor& x) const { return DiagonalGaussian(encoder_(x)); }
    Tensor decode(const Tensor& z) const { return decoder_(z); }

private:
    LatentEncoder encoder_;
    LatentDecoder decoder_;
};

/// The autoencoder of a model folder: `first_stage_config` and `first_stage_model`. Throws an Error
/// that names what is missing.
AutoencoderKL load_autoencoder(const nn::ModelSource& model);

}  // namespace ldm::vae
