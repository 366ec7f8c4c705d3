#pragma once

#include "common/tensor/tensor.h"

namespace ldm::ops {

/// The same numbers on another device. x itself when it is there already. To bring them from a GPU waits until they are computed.
Tensor to(const Tensor& x, Device device);

/// The same numbers in another floating-point type, rounded to the nearest. x itself when it is of that type already.
Tensor to(const Tensor& x, DType dtype);

}  // namespace ldm::ops
