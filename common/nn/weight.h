#pragma once

#include <utility>
#include <variant>

#include "common/ops/conv2d.h"
#include "common/ops/frozen_weight.h"
#include "common/ops/matmul.h"

namespace ldm::nn {

/// The matrix of a Linear or Conv2d: a Tensor that an optimizer may write to in place, or a frozen
/// one, which may be stored in 16 bits and which products read packed (ops::FrozenWeight). Which of
/// the two, Checkpoint::freeze() decides when the model is built; both give results of the same
/// bits.
class Weight {
public:
    explicit Weight(Tensor x) : numbers_(std::move(x)) {}
    explicit Weight(ops::FrozenWeight x) : numbers_(std::move(x)) {}

    [[nodiscard]] bool is_frozen() const {
        return std::holds_alternative<ops::FrozenWeight>(numbers_);
    }

    /// ops::linear with this weight [out, in]: x [..., in], bias [out] or empty -> [..., out].
    [[nodiscard]] Tensor linear(const Tensor& x, const Tensor& bias) const {
        return std::visit([&](const auto& weight) { return ops::linear(x, weight, bias); },
                          numbers_);
    }

    /// ops::conv2d with this weight [O, C, kh, kw]: x [N, C, H, W], bias [O] or empty ->
    /// [N, O, H', W'].
    [[nodiscard]] Tensor conv2d(const Tensor& x, const Tensor& bias,
                                ops::Conv2dOptions options) const {
        return std::visit([&](const auto& weight) { return ops::conv2d(x, weight, bias, options); },
                          numbers_);
    }

private:
    std::variant<Tensor, ops::FrozenWeight> numbers_;
};

}  // namespace ldm::nn
