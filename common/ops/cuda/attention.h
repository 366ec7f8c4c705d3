#pragma once

#include "common/ops/cpu/attention.h"

namespace ldm::ops::cuda {

using cpu::AttentionGradients, cpu::AttentionRule;

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule);
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionRule& rule);
AttentionGradients attention_backward(const Tensor& dy, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionRule& rule);

}  // namespace ldm::ops::cuda
