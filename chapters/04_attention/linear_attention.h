#pragma once

#include <cstdint>
#include <string>

#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::attention {

/// Linear attention, without a table of scores: keys and values make one d x d summary of the
/// picture, which every query is multiplied with. The cost grows with the number of pixels, not
/// with its square.
///
///     q, k, v = to_qkv(x),   summary = softmax over pixels(k) v^T,   out = to_out(summary^T q)
///
/// No norm, no scale, no skip connection: y replaces x. The 3 heads d channels of to_qkv are in
/// the order (q/k/v, head, channel); to_qkv has no bias.
/// From LinearAttention of ldm/modules/attention.py (Shen et al., 2018); keys to_qkv, to_out.
class LinearAttention {
public:
    struct Config {
        std::int64_t dim;
        std::int64_t heads = 4;
        std::int64_t dim_head = 32;

        static Config from_json(const io::Json& json);
    };

    LinearAttention(const nn::Params& weights, const Config& config);
    Tensor operator()(const Tensor& x) const;  // [N, dim, H, W] -> [N, dim, H, W]

private:
    std::string path_;
    std::int64_t heads_, dim_head_;
    nn::Conv2d to_qkv_, to_out_;
};

}  // namespace ldm::attention
