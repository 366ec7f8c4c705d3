#include "common/ops/heads.h"

#include <fmt/format.h>

#include "common/ops/shape.h"

namespace ldm::ops {

Tensor split_heads(const Tensor& x, std::int64_t heads) {
    const auto [n, s, width] = x.dims<3>();
    if (heads < 1 || width % heads != 0)
        fail(fmt::format("{} channels cannot be cut into {} heads", width, heads));
    return permute(x.reshape({n, s, heads, width / heads}), {0, 2, 1, 3});
}

Tensor merge_heads(const Tensor& x) {
    const auto [n, heads, s, d] = x.dims<4>();
    return permute(x, {0, 2, 1, 3}).reshape({n, s, heads * d});
}

}  // namespace ldm::ops
