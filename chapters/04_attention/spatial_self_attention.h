#pragma once

#include <cstdint>
#include <string>

#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::attention {

/// Self-attention between all pixels, in one head as wide as the picture has channels:
///
///     x + proj_out(softmax(q k^T / sqrt(C)) v),   q, k, v = 1x1 convolutions of norm(x)
///
/// The same mathematics as the VAE's AttnBlock (chapter 02), under the name it has in
/// ldm/modules/attention.py. Keys norm, q, k, v, proj_out. The norm's eps is 1e-6.
class SpatialSelfAttention {
public:
    struct Config {
        std::int64_t in_channels;

        static Config from_json(const io::Json& json);
    };

    SpatialSelfAttention(const nn::Params& weights, const Config& config);

    /// x [N, C, H, W] -> [N, C, H, W]. The attention weights are left on the Trace in scope as
    /// "<path>.weights", [N, 1, S, S] with S = H W.
    Tensor operator()(const Tensor& x) const;

private:
    std::string path_;
    nn::GroupNorm norm_;
    nn::Conv2d q_, k_, v_, proj_out_;
};

}  // namespace ldm::attention
