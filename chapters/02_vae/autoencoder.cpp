#include "chapters/02_vae/autoencoder.h"

namespace ldm::vae {

LatentEncoder::LatentEncoder(const nn::Params& weights, const Config& config, int embed_dim)
    : encoder_(weights / "encoder", config),
      quant_conv_(weights / "quant_conv", config.encoded_channels(config.z_channels),
                  config.encoded_channels(embed_dim), nn::pointwise) {}

LatentDecoder::LatentDecoder(const nn::Params& weights, const Config& config, int embed_dim)
    : post_quant_conv_(weights / "post_quant_conv", embed_dim, config.z_channels, nn::pointwise),
      decoder_(weights / "decoder", config) {}

AutoencoderKL::AutoencoderKL(const nn::Params& weights, const Config& config, int embed_dim)
    : encoder_(weights, config, embed_dim), decoder_(weights, config, embed_dim) {
    expect(config.double_z, "AutoencoderKL: 'double_z' must be true, or there is no variance");
}

AutoencoderKL load_autoencoder(const nn::ModelSource& model) {
    const auto settings = io::get<io::Json>(model.config(), "first_stage_config");
    return {model.weights() / "first_stage_model",
            Config::from_json(io::get<io::Json>(settings, "ddconfig")),
            io::get<int>(settings, "embed_dim")};
}

//! [forward]
Tensor LatentEncoder::operator()(const Tensor& x) const { return quant_conv_(encoder_(x)); }

Tensor LatentDecoder::operator()(const Tensor& z) const { return decoder_(post_quant_conv_(z)); }
//! [forward]

}  // namespace ldm::vae
