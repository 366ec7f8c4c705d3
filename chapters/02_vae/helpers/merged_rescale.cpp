#include "chapters/02_vae/helpers/merged_rescale.h"

namespace ldm::vae {
namespace {

Config encoder_config(Config config) {
    config.z_channels = config.width(config.levels() - 1);
    config.double_z = false;
    return config;
}

/// The channels between a rescaler and a decoder.
int between(const Config& config) { return config.z_channels * config.ch_mult.back(); }

Config decoder_config(Config config) {
    config.z_channels = between(config);
    return config;
}

}  // namespace

MergedRescaleEncoder::MergedRescaleEncoder(const nn::Params& weights, const Config& config)
    : encoder_(weights / "encoder", encoder_config(config.ddconfig)),
      rescaler_(weights / "rescaler", {.factor = config.rescale_factor,
                                       .in_channels = encoder_config(config.ddconfig).z_channels,
                                       .mid_channels = encoder_config(config.ddconfig).z_channels,
                                       .out_channels = config.ddconfig.out_ch,
                                       .depth = config.rescale_module_depth}) {}

MergedRescaleDecoder::MergedRescaleDecoder(const nn::Params& weights, const Config& config)
    : rescaler_(weights / "rescaler", {.factor = config.rescale_factor,
                                       .in_channels = config.ddconfig.z_channels,
                                       .mid_channels = between(config.ddconfig),
                                       .out_channels = between(config.ddconfig),
                                       .depth = config.rescale_module_depth}),
      decoder_(weights / "decoder", decoder_config(config.ddconfig)) {}

}  // namespace ldm::vae
