#pragma once

#include <string>

#include "common/ops/attention.h"

namespace ldm::attention {

/// Records the attention weights softmax(q k^T / sqrt(d)), [N, heads, S, M], on the Trace in scope
/// as "<path>.weights". q [N, heads, S, d], k [N, heads, M, d]. The fused attention never stores
/// this table, so it costs an extra pass; without a Trace it costs nothing.
void trace_attention_weights(const std::string& path, const Tensor& q, const Tensor& k,
                             const ops::AttentionOptions& options = {});

}  // namespace ldm::attention
