#include "chapters/08_ldm_pipeline/first_stage.h"

#include "common/ops/elementwise.h"

namespace ldm::pipeline {

FirstStageConfig FirstStageConfig::from_json(const io::Json& first_stage_config) {
    io::expect_only_keys(first_stage_config, {"embed_dim", "n_embed", "ddconfig"},
                         "first_stage_config");
    // far beyond every model there is
    constexpr int most_channels = 1 << 14, most_entries = 1 << 20;
    FirstStageConfig config{
        .ddconfig = vae::Config::from_json(io::get<io::Json>(first_stage_config, "ddconfig")),
        .embed_dim = io::get_in(first_stage_config, "embed_dim", 1, most_channels)};
    if (first_stage_config.contains("n_embed"))
        config.n_embed = io::get_in(first_stage_config, "n_embed", 1, most_entries);
    if (config.ddconfig.double_z == config.n_embed.has_value())
        throw Error(
            "first_stage_config: 'double_z' must be true for AutoencoderKL and false with a "
            "codebook ('n_embed')");
    return config;
}

FirstStageDecoder::FirstStageDecoder(const nn::Params& weights, const FirstStageConfig& config,
                                     float scale_factor)
    : decoder_(weights, config.ddconfig, config.embed_dim), scale_factor_(scale_factor) {
    if (config.n_embed)
        quantize_.emplace(
            weights / "quantize",
            vae::VectorQuantizer2::Config{.n_e = *config.n_embed, .e_dim = config.embed_dim});
}

FirstStageEncoder::FirstStageEncoder(const nn::Params& weights, const FirstStageConfig& config,
                                     float scale_factor)
    : encoder_(weights, config.ddconfig, config.embed_dim),
      factor_(config.factor()),
      has_codebook_(config.n_embed.has_value()),
      scale_factor_(scale_factor) {}

//! [scale]
Tensor FirstStageDecoder::latent_of(const Tensor& z) const {
    const Tensor latent = z / scale_factor_;
    return quantize_ ? (*quantize_)(latent).z_q : latent;
}

Tensor FirstStageEncoder::sample(const Tensor& encoded, const Tensor& noise) const {
    const Tensor latent = has_codebook_ ? encoded : vae::DiagonalGaussian(encoded).sample(noise);
    return latent * scale_factor_;
}
//! [scale]

Tensor FirstStageEncoder::mean(const Tensor& encoded) const {
    return (has_codebook_ ? encoded : vae::DiagonalGaussian(encoded).mean()) * scale_factor_;
}

Shape FirstStageEncoder::latent_shape(const Tensor& encoded) const {
    Shape shape = encoded.shape();
    if (!has_codebook_) shape[1] /= 2;
    return shape;
}

}  // namespace ldm::pipeline
