#include "common/ops/attention.h"

#include <fmt/format.h>

#include <cmath>

#include "common/autograd/tape.h"
#include "common/ops/compute_context.h"
#include "common/ops/cpu/attention.h"
#include "common/ops/cuda/attention.h"
#include "common/ops/on_device.h"
#include "common/ops/transfer.h"

namespace ldm::ops {
namespace {

cpu::AttentionRule checked_rule(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
    const auto [batch, heads, queries, width] = q.dims<4>();
    const auto [k_batch, k_heads, keys, k_width] = k.dims<4>();
    if (batch != k_batch || heads != k_heads || width != k_width)
        fail(fmt::format("queries {} do not fit keys {}", to_string(q.shape()),
                         to_string(k.shape())));
    if (options.causal && queries != keys)
        fail(fmt::format("causal attention of {} queries over {} keys", queries, keys));
    if (options.key_padding_mask) expect_shape(options.key_padding_mask, {batch, keys});
    const float scale = options.scale.value_or(1.0f / std::sqrt(static_cast<float>(width)));
    return {scale, options.causal, to(options.key_padding_mask, q.device())};
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
    const cpu::AttentionRule rule = checked_rule(q, k, options);
    expect_shape(v, {k.dim(0), k.dim(1), k.dim(2), v.dim(-1)});
    Tensor y = OnDevice<cpu::attention, cuda::attention>()(q, k, v, rule, compute_context());
    record(y, {q, k, v}, [=](const Tensor& dy) -> Tensors {
        const auto d = OnDevice<cpu::attention_backward, cuda::attention_backward>()(
            dy, q, k, v, rule, compute_context());
        return {d.q, d.k, d.v};
    });
    return y;
}

Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
    return OnDevice<cpu::attention_weights, cuda::attention_weights>()(
        q, k, checked_rule(q, k, options), compute_context());
}

}  // namespace ldm::ops
