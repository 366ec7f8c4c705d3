#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/io/json.h"
#include "common/nn/layers.h"

namespace ldm::attention {

/// Cross-attention, through which the conditioning reaches a picture: queries from the tokens of x,
/// keys and values from those of the context, in `heads` heads of width d = dim_head.
///
///     q = x W_q,  k = context W_k,  v = context W_v           (no bias)
///     out = merge(softmax(q k^T / sqrt(d)) v) W_o + b_o
///
/// Without a context, x is its own: self-attention (Vaswani et al., 2017).
/// From CrossAttention of ldm/modules/attention.py; keys to_q, to_k, to_v, to_out.0.
class CrossAttention {
public:
    struct Config {
        std::int64_t query_dim;
        /// query_dim if not given
        std::optional<std::int64_t> context_dim;
        std::int64_t heads = 8;
        std::int64_t dim_head = 64;

        static Config from_json(const io::Json& json);
    };

    CrossAttention(const nn::Params& weights, const Config& config);

    /// x [N, S, query_dim], context [N, M, context_dim] or empty, key padding mask [N, M] int32
    /// (1: a key counts, 0: it does not) or empty -> [N, S, query_dim]. Throws when they do not
    /// fit. The attention weights are left on the Trace in scope as "<path>.weights", [N, heads, S,
    /// M].
    Tensor operator()(const Tensor& x, const Tensor& context = {}, const Tensor& mask = {}) const;

private:
    std::string path_;
    std::int64_t heads_;
    nn::Linear to_q_, to_k_, to_v_, to_out_;
};

}  // namespace ldm::attention
