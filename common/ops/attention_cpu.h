#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

struct AttentionRule {
    float scale;
    bool causal;
    Tensor keep;  // [B, M] int32 or empty
};

struct AttentionGradients {
    Tensor q, k, v;
};

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionRule& rule);
Tensor attention_weights(const Tensor& q, const Tensor& k, const AttentionRule& rule);
AttentionGradients attention_backward(const Tensor& dy, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionRule& rule);

}  // namespace ldm::ops::cpu
