#include "common/ops/linear_attention.h"

#include "common/ops/matmul.h"
#include "common/ops/softmax.h"

namespace ldm::ops {

Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v) {
    const auto [batch, heads, d, pixels] = q.dims<4>();
    expect_shape(k, {batch, heads, d, pixels});
    expect_shape(v, {batch, heads, v.dim(2), pixels});
    const Tensor summary = matmul(softmax(k), v, Transpose::b);  // [N, heads, d, e]
    return matmul(summary, q, Transpose::a);                     // [N, heads, e, S]
}

}  // namespace ldm::ops
