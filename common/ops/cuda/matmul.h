#pragma once

#include "common/ops/compute_context.h"
#include "common/tensor/tensor.h"

namespace ldm::ops::cuda {

/// a [n, m, k] (or [n, k, m] when a_transposed) times b [n, k, c] (or [n, c, k]): [n, m, c]
Tensor matmul(const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed,
              const ComputeContext& context);

/// The same as float32, whatever a and b are made of: sums that 16 bits could not hold.
Tensor matmul_as_float(const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed,
                       const ComputeContext& context);

/// x [n, in], weight [out, in], bias [out] or empty: [n, out]
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ComputeContext& context);

/// x [n, c] added up over n: [c]
Tensor sum_rows(const Tensor& x);

}  // namespace ldm::ops::cuda
