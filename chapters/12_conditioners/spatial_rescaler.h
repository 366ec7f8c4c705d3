#pragma once

#include <optional>

#include "chapters/02_vae/interpolation.h"
#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::conditioners {

/// A conditioning picture made as small as the latents beside which it is put (encoders/modules.py:
/// SpatialRescaler): semantic maps, depth, edges.
///
///     y = channel_mapper(interpolate(… interpolate(x)))         n_stages times
///
/// x [N, in_channels, H, W] -> [N, out_channels, H', W'], which are halved n_stages times by
/// default. Key channel_mapper, a 1x1 convolution; there is none without out_channels.
class SpatialRescaler {
public:
    struct Config {
        int n_stages = 1;
        vae::Interpolation method = vae::Interpolation::bilinear;
        /// new size over old size, in each stage
        double multiplier = 0.5;
        int in_channels = 3;
        std::optional<int> out_channels = {};
        bool bias = false;

        /// Throws an Error that names a key or value that is not supported.
        static Config from_json(const io::Json& json);
    };

    SpatialRescaler(const nn::Params& weights, const Config& config);
    [[nodiscard]] Tensor operator()(const Tensor& x) const;

private:
    Config config_;
    std::optional<nn::Conv2d> channel_mapper_;
};

}  // namespace ldm::conditioners
