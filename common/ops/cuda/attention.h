#pragma once

#include "common/ops/cpu/attention.h"

namespace ldm::ops::cuda {

using cpu::AttentionGradients, cpu::AttentionRule;

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule,
                 const ComputeContext& context);
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionRule& rule,
                         const ComputeContext& context);
AttentionGradients attention_backward(const Tensor& dy, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionRule& rule,
                                      const ComputeContext& context);

}  // namespace ldm::ops::cuda
