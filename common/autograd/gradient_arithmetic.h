#pragma once

#include "common/tensor/tensor.h"

/// What is computed by running backwards itself. These are ops, and ops lie above autograd: so they
/// are declared here and defined there (common/ops/gradient_arithmetic.cpp).
namespace ldm::autograd {

/// a + b, of one shape, on their device.
Tensor add(const Tensor& a, const Tensor& b);

/// As many zeros or ones, of x's type and on its device.
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);

}  // namespace ldm::autograd
