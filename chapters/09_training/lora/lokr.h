#pragma once

#include <string>
#include <variant>

#include "chapters/09_training/lora/low_rank.h"

namespace ldm::train {

/// LoKr: the Kronecker product of two small matrices, each of them whole or a low-rank product
/// (Edalati et al., "KronA", 2022; Yeh et al., LyCORIS, 2023):
///
///     W' = W + scale * w1 (x) w2        w1 [a, b], w2 [c, d k k]: every number of w1 times all of
///     w2
///
/// a c = out, b d = in. scale is alpha / rank, the rank being that of the factor which is a product
/// (of w1 if both are); where both are whole, there is no rank, and it is 1 whatever alpha says, as
/// in LyCORIS (peft multiplies by alpha / r there, too). In files: lokr_w1, or lokr_w1_a and
/// lokr_w1_b; lokr_w2, or lokr_w2_a and lokr_w2_b, of convolutions perhaps with lokr_t2, the core
/// of a Tucker product; alpha.
struct Lokr {
    using Factor = std::variant<Tensor, LowRankProduct>;
    Factor w1, w2;
    float alpha = 0.0f;

    /// Of the factor that is a product, of w1 if both are; 1 if none is.
    [[nodiscard]] std::int64_t rank() const;

    /// What the Kronecker product is multiplied by.
    [[nodiscard]] float scale() const;

    /// What is added to a weight of that shape.
    [[nodiscard]] Tensor change(const Shape& weight) const;

    /// Why it cannot be added to a weight of that shape, in words; empty if it can.
    [[nodiscard]] std::string misfit(const Shape& weight) const;
};

}  // namespace ldm::train
