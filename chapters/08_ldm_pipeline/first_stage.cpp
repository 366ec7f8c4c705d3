#include "chapters/08_ldm_pipeline/first_stage.h"

#include "common/ops/elementwise.h"

namespace ldm::pipeline {
namespace {

vae::Config ddconfig(const io::Json& first_stage_config) {
    io::expect_only_keys(first_stage_config, {"embed_dim", "ddconfig"}, "first_stage_config");
    return vae::Config::from_json(io::get<io::Json>(first_stage_config, "ddconfig"));
}

int embed_dim(const io::Json& first_stage_config) {
    return io::get<int>(first_stage_config, "embed_dim");
}

}  // namespace

FirstStageDecoder::FirstStageDecoder(const nn::Params& weights, const io::Json& first_stage_config,
                                     float scale_factor)
    : decoder_(weights, ddconfig(first_stage_config), embed_dim(first_stage_config)),
      scale_factor_(scale_factor) {}

FirstStageEncoder::FirstStageEncoder(const nn::Params& weights, const io::Json& first_stage_config,
                                     float scale_factor)
    : encoder_(weights, ddconfig(first_stage_config), embed_dim(first_stage_config)),
      scale_factor_(scale_factor) {}

//! [scale]
Tensor FirstStageDecoder::operator()(const Tensor& z) const { return decoder_(z / scale_factor_); }

Tensor FirstStageEncoder::operator()(const Tensor& x, const Tensor& noise) const {
    return encoder_(x).sample(noise) * scale_factor_;
}
//! [scale]

}  // namespace ldm::pipeline
