#pragma once

#include <string>

#include "common/tensor/tensor.h"

/// Products of thin matrices, which all families of LoRA but the full difference are made of.

namespace ldm::train {

/// A Tucker decomposition (Tucker, 1966) with a small kernel in the middle:
///
///     W[o, i, …] = sum over r, s of a[r, o] core[r, s, …] b[s, i]
///
/// core [r, s, k, k], a [r, out], b [s, in]; the result is [out, in, k, k].
[[nodiscard]] Tensor tucker_product(const Tensor& core, const Tensor& a, const Tensor& b);

/// One product as LyCORIS stores it: a [out, rank] times b [rank, in k k]; with a core
/// [rank, rank, k, k] it is Tucker's of a [rank, out] and b [rank, in].
struct LowRankProduct {
    Tensor a, b, core = {};

    std::int64_t rank() const { return b.dim(0); }

    /// What is wrong with the shapes, in words; empty if the product exists.
    [[nodiscard]] std::string trouble() const;

    /// [out, in k k], or [out, in, k, k] with a core; of a product without trouble.
    [[nodiscard]] Shape shape() const;
    [[nodiscard]] Tensor product() const;
};

/// Whether numbers of that shape can be added to a weight: as many, with as many rows. A 1x1
/// convolution may meet a matrix, and a kernel may be flattened.
[[nodiscard]] bool fits(const Shape& change, const Shape& weight);

}  // namespace ldm::train
