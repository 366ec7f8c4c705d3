#pragma once

#include "chapters/02_vae/decoder.h"
#include "chapters/02_vae/helpers/latent_rescaler.h"

namespace ldm::vae {

/// Features of one size to a picture of a larger one: a LatentRescaler, then a decoder
/// (Upsampler in diffusionmodules/model.py).
///
/// x [N, in_channels, H, W] -> [N, out_channels, f H k, f W k] with k = 1 + out_size mod in_size
/// and f = 2^n, n = log2(out_size / in_size), rounded down. So in_size becomes out_size where that
/// is 1, 2, 4, … times as large. Elsewhere it does not: upstream takes the remainder of the
/// division for the factor that is missing, and has an enormous result; here that is an Error.
class Upsampler {
public:
    struct Config {
        int in_size = 0, out_size = 0;
        int in_channels = 0, out_channels = 0;
        /// every level of the decoder has ch_mult * in_channels channels
        int ch_mult = 2;
    };

    /// Keys rescaler.…, decoder.…; channels must be multiples of 32 inside. Throws an Error for an
    /// out_size that is not in_size times a power of 2.
    Upsampler(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x) const { return decoder_(rescaler_(x)); }

private:
    LatentRescaler rescaler_;
    Decoder decoder_;
};

}  // namespace ldm::vae
