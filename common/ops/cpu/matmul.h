#pragma once

#include "common/ops/compute_context.h"
#include "common/tensor/tensor.h"

namespace ldm::ops::cpu {

class PackedWeight;

/// a [n, m, k] (or [n, k, m] when a_transposed) times b [n, k, c] (or [n, c, k]): [n, m, c]
Tensor matmul(const Tensor& a, const Tensor& b, bool a_transposed, bool b_transposed,
              const ComputeContext& context);

/// x [n, in], weight [out, in], bias [out] or empty: [n, out]
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ComputeContext& context);

/// The same with a weight that is not written to any more.
Tensor linear_frozen(const Tensor& x, const PackedWeight& weight, const Tensor& bias,
                     const ComputeContext& context);

/// x [n, c] added up over n: [c]
Tensor sum_rows(const Tensor& x);

}  // namespace ldm::ops::cpu
