#pragma once

#include <functional>
#include <memory>

#include "common/tensor/tensor.h"

namespace ldm::ops {
namespace cpu {
class PackedWeight;
}

/// A weight that is not written to any more. Matrix products read their factors in an order of
/// their own (cpu/packed_gemm.h). Of a Tensor an op makes that copy at every call, for an optimizer
/// may have written to it in between; of a FrozenWeight it makes the copy once, at the first call
/// that needs it, and keeps it. Copying a FrozenWeight copies a handle.
///
/// The numbers may be stored as float16 or bfloat16, also on the CPU: they are expanded while they
/// are packed, so that a model of 16 bits is in memory once, as what the products read. (The packed
/// form of bf16 products takes half of that.)
class FrozenWeight {
public:
    FrozenWeight() = default;

    /// The numbers of x, [rows, ...], from now on read-only; an empty one, false in a condition,
    /// when that cannot be had: somebody else has a handle that can write to them (see
    /// Tensor::freeze()).
    ///
    /// `unused` is called whenever the numbers have been packed: they will not be read for now, and
    /// if they lie in a mapped file, its pages need not stay in memory.
    [[nodiscard]] static FrozenWeight from(Tensor x, std::function<void()> unused = {});

    explicit operator bool() const { return packed_ != nullptr; }

    /// As they were given, in their type.
    [[nodiscard]] const Tensor& stored() const;

    /// As float32: the stored ones, or a copy of them made by this call.
    [[nodiscard]] Tensor as_float() const;

    /// For the ops on the CPU: their form of it.
    [[nodiscard]] const cpu::PackedWeight& packed() const { return *packed_; }

private:
    std::shared_ptr<const cpu::PackedWeight> packed_;
};

}  // namespace ldm::ops
