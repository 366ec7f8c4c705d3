#include "common/ops/cpu/embedding.h"

#include <algorithm>

namespace ldm::ops::cpu {

Tensor embedding(const Tensor& ids, const Tensor& table) {
    const std::int64_t width = table.dim(1);
    Shape shape = ids.shape();
    shape.push_back(width);
    Tensor y(shape);
    const float* rows = table.data();
    float* out = y.data();
    for (const std::int32_t *id = ids.ints(), *end = id + ids.size(); id < end; ++id, out += width)
        std::copy_n(rows + *id * width, width, out);
    return y;
}

Tensor embedding_backward(const Tensor& ids, const Tensor& dy, const Shape& table_shape) {
    const std::int64_t width = table_shape[1];
    Tensor dtable = Tensor::zeros(table_shape);
    const float* grad_output = dy.data();
    float* rows = dtable.data();
    for (const std::int32_t *id = ids.ints(), *end = id + ids.size(); id < end;
         ++id, grad_output += width)
        for (std::int64_t j = 0; j < width; ++j) rows[*id * width + j] += grad_output[j];
    return dtable;
}

}  // namespace ldm::ops::cpu
