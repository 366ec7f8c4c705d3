#pragma once

#include "chapters/02_vae/decoder.h"
#include "chapters/02_vae/encoder.h"
#include "chapters/02_vae/helpers/latent_rescaler.h"

/// Encoder and decoder whose latent has any size, not only that of the picture divided by 2, 4, 8
/// and so on (MergedRescaleEncoder and MergedRescaleDecoder in diffusionmodules/model.py).

namespace ldm::vae {

/// The encoder, then a LatentRescaler: x [N, in_channels, H, W] -> [N, out_ch, h, w] with
/// h = round(rescale_factor H / f), f = 2^(levels - 1). Keys encoder.…, rescaler.…
class MergedRescaleEncoder {
public:
    struct Config {
        /// its out_ch are the channels of the result; z_channels and double_z have no meaning
        vae::Config ddconfig;
        double rescale_factor = 1.0;
        int rescale_module_depth = 1;
    };

    MergedRescaleEncoder(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x) const { return rescaler_(encoder_(x)); }

private:
    Encoder encoder_;
    LatentRescaler rescaler_;
};

/// A LatentRescaler, then the decoder: z [N, z_channels, h, w] -> [N, out_ch, H, W] with
/// H = f round(rescale_factor h), f = 2^(levels - 1). In between there are z_channels times the
/// last of ch_mult channels, which must be a multiple of 32. Keys rescaler.…, decoder.…
class MergedRescaleDecoder {
public:
    struct Config {
        /// its in_channels and double_z have no meaning
        vae::Config ddconfig;
        double rescale_factor = 1.0;
        int rescale_module_depth = 1;
    };

    MergedRescaleDecoder(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& z) const { return decoder_(rescaler_(z)); }

private:
    LatentRescaler rescaler_;
    Decoder decoder_;
};

}  // namespace ldm::vae
