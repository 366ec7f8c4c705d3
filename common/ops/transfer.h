#pragma once

#include <cstddef>
#include <span>

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// The same numbers on another device. x itself when it is there already. To bring them from a GPU
/// waits until they are computed.
[[nodiscard]] Tensor to(const Tensor& x, Device device);

/// Numbers of `dtype` as they lie in a file, on a device; an empty tensor where that does not have
/// the type.
[[nodiscard]] Tensor as_stored(std::span<const std::byte> numbers, Shape shape, DType dtype,
                               Device device);

/// The same numbers in another floating-point type, rounded to the nearest. x itself when it is of
/// that type already.
[[nodiscard]] Tensor to(const Tensor& x, DType dtype);

}  // namespace ldm::ops
