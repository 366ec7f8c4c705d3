#pragma once

#include <string>

#include "common/ops/attention.h"

namespace ldm::attention {

/// When somebody watches, leaves on the Trace in scope who looks where: softmax(q k^T / sqrt(d)),
/// [N, heads, S, M], under "<path>.weights". The fast attention never writes this table down, so
/// it costs an extra pass; without a Trace it costs nothing.
void trace_attention_weights(const std::string& path, const Tensor& q, const Tensor& k,
                             const ops::AttentionOptions& options = {});

}  // namespace ldm::attention
