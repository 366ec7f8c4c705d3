#include "chapters/08_ldm_pipeline/first_stage.h"

#include "common/ops/elementwise.h"

namespace ldm::pipeline {

FirstStageConfig FirstStageConfig::from_json(const io::Json& first_stage_config) {
    io::expect_only_keys(first_stage_config, {"embed_dim", "ddconfig"}, "first_stage_config");
    // far beyond every model there is
    constexpr int most_channels = 1 << 14;
    return {vae::Config::from_json(io::get<io::Json>(first_stage_config, "ddconfig")),
            io::get_in(first_stage_config, "embed_dim", 1, most_channels)};
}

FirstStageDecoder::FirstStageDecoder(const nn::Params& weights, const FirstStageConfig& config,
                                     float scale_factor)
    : decoder_(weights, config.ddconfig, config.embed_dim), scale_factor_(scale_factor) {}

FirstStageEncoder::FirstStageEncoder(const nn::Params& weights, const FirstStageConfig& config,
                                     float scale_factor)
    : encoder_(weights, config.ddconfig, config.embed_dim), scale_factor_(scale_factor) {}

//! [scale]
Tensor FirstStageDecoder::operator()(const Tensor& z) const { return decoder_(z / scale_factor_); }

Tensor FirstStageEncoder::operator()(const Tensor& x, const Tensor& noise) const {
    return encoder_(x).sample(noise) * scale_factor_;
}
//! [scale]

}  // namespace ldm::pipeline
