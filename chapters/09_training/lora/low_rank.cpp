#include "chapters/09_training/lora/low_rank.h"

#include <fmt/format.h>

#include "common/ops/matmul.h"
#include "common/ops/shape.h"

namespace ldm::train {

//! [tucker]
Tensor tucker_product(const Tensor& core, const Tensor& a, const Tensor& b) {
    const std::int64_t r = core.dim(0), s = core.dim(1), k = core.size() / (r * s), in = b.dim(1);
    Tensor x = ops::permute(core.reshape({r, s, k}), {0, 2, 1});  // [r, k k, s]
    x = ops::matmul(x.reshape({r * k, s}), b);                    // [r k k, in]
    x = ops::permute(x.reshape({r, k, in}), {0, 2, 1});           // [r, in, k k]
    x = ops::matmul(a, x.reshape({r, in * k}), ops::Transpose::a);

    Shape shape = core.shape();
    shape[0] = a.dim(1), shape[1] = in;
    return x.reshape(shape);  // [out, in, k, k]
}
//! [tucker]

std::string LowRankProduct::trouble() const {
    const bool matrices = a.rank() == 2 && b.rank() == 2 && a.size() > 0 && b.size() > 0;
    if (!core) {
        if (matrices && a.dim(1) == b.dim(0)) return "";
        return fmt::format("{} times {} is no product", to_string(a.shape()), to_string(b.shape()));
    }
    if (matrices && core.rank() >= 2 && core.size() > 0 && core.dim(0) == a.dim(0) &&
        core.dim(1) == b.dim(0))
        return "";
    return fmt::format("core {} is not between {} and {}", to_string(core.shape()),
                       to_string(a.shape()), to_string(b.shape()));
}

Shape LowRankProduct::shape() const {
    if (!core) return {a.dim(0), b.dim(1)};
    Shape shape = core.shape();
    shape[0] = a.dim(1), shape[1] = b.dim(1);
    return shape;
}

Tensor LowRankProduct::product() const {
    return core ? tucker_product(core, a, b) : ops::matmul(a, b);
}

bool fits(const Shape& change, const Shape& weight) {
    return change.size() >= 2 && weight.size() >= 2 && change[0] == weight[0] &&
           element_count(change) == element_count(weight) &&
           (change.size() != weight.size() || change == weight);
}

}  // namespace ldm::train
