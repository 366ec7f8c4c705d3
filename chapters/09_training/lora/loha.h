#pragma once

#include <string>

#include "chapters/09_training/lora/low_rank.h"

namespace ldm::train {

/// LoHa: the element-wise (Hadamard) product of two low-rank products (Hyeon-Woo et al., "FedPara",
/// 2022; Yeh et al., LyCORIS, 2023):
///
///     W' = W + alpha / rank * (a1 b1) . (a2 b2)
///
/// Its rank can reach rank squared with as many numbers as a LoRA of twice the rank. In files:
/// hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b, of convolutions perhaps hada_t1 and hada_t2, the
/// cores of Tucker products; alpha.
struct Loha {
    LowRankProduct first, second;
    float alpha = 0.0f;

    /// What is added to a weight of that shape.
    [[nodiscard]] Tensor change(const Shape& weight) const;

    /// Why it cannot be added to a weight of that shape, in words; empty if it can.
    [[nodiscard]] std::string misfit(const Shape& weight) const;
};

}  // namespace ldm::train
