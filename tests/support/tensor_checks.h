#pragma once

#include <functional>
#include <string>

#include "common/tensor/tensor.h"
#include "tests/support/catch.h"

namespace ldm::test {

/// Whether two tensors have one shape and all elements within `tolerance`; NaN is never close.
/// Reads as `CHECK(close(y, expected, 1e-6) == "")`: the text says what is wrong and where.
std::string close(const Tensor& got, const Tensor& expected, double tolerance);

/// Numbers that look random and are the same on every machine: standard normal times `scale`.
Tensor noise(const Shape& shape, int seed, float scale = 1.0f);

/// Checks the gradients that a Tape gives for sum(f(inputs) * fixed noise) against central
/// differences (two of them, so that the errors of step^2 cancel), element by element. Empty when
/// they agree to `tolerance` times the largest entry.
std::string gradients_agree(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                            std::vector<Tensor> inputs, double tolerance = 3e-4);

}  // namespace ldm::test
