#pragma once

#include <optional>

#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::spatial_transformer {

/// The feed-forward layer of a transformer block, applied to each token alone: two linear layers
/// with the activation function GELU or its gated variant GEGLU (Shazeer, 2020, "GLU variants
/// improve transformer") between them. (attention.py: FeedForward, GEGLU)
///
///     GELU:   y = narrow(gelu(widen(x)))
///     GEGLU:  y = narrow(a * gelu(g))       with [a, g] = widen(x), twice as wide
///
/// x [N, S, dim] -> [N, S, dim_out].
class FeedForward {
public:
    struct Config {
        int dim;
        /// dim if not given
        std::optional<int> dim_out;
        /// inner width divided by dim
        double mult = 4.0;
        /// GEGLU instead of GELU
        bool glu = false;

        /// Throws an Error that names a key or value that is not supported.
        static Config from_json(const io::Json& json);
    };

    FeedForward(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    Config config_;
    nn::Linear widen_;
    nn::Linear narrow_;
};

}  // namespace ldm::spatial_transformer
