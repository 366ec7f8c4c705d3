#include "chapters/02_vae/helpers/upsampler.h"

#include <fmt/format.h>

#include <bit>

#include "common/error.h"

namespace ldm::vae {
namespace {

/// How many times the size doubles.
int doublings(const Upsampler::Config& config) {
    const int in = config.in_size, out = config.out_size;
    if (in < 1 || out < in || out % in != 0 || !std::has_single_bit<unsigned>(out / in))
        throw Error(
            fmt::format("Upsampler: 'out_size' {} must be 1, 2, 4, … times 'in_size' {}", out, in));
    return std::countr_zero<unsigned>(out / in);
}

Config decoder_config(const Upsampler::Config& config) {
    Config decoder;
    decoder.ch = config.in_channels;
    decoder.ch_mult.assign(doublings(config) + 1, config.ch_mult);
    decoder.num_res_blocks = 2;
    decoder.resolution = config.out_size;
    decoder.out_ch = config.out_channels;
    decoder.z_channels = config.in_channels;
    return decoder;
}

}  // namespace

Upsampler::Upsampler(const nn::Params& weights, const Config& config)
    : rescaler_(weights / "rescaler", {.factor = 1.0,
                                       .in_channels = config.in_channels,
                                       .mid_channels = 2 * config.in_channels,
                                       .out_channels = config.in_channels}),
      decoder_(weights / "decoder", decoder_config(config)) {}

}  // namespace ldm::vae
