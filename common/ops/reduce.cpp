#include "common/ops/reduce.h"

#include <algorithm>
#include <numeric>

#include "common/autograd/tape.h"
#include "common/ops/cpu/elementwise.h"
#include "common/ops/cuda/elementwise.h"
#include "common/ops/elementwise.h"
#include "common/ops/on_device.h"
#include "common/ops/shape.h"

namespace ldm::ops {
namespace {

std::vector<int> all_axes(const Tensor& x, int first) {
    std::vector<int> axes(std::max(x.rank() - first, 0));
    std::iota(axes.begin(), axes.end(), first);
    return axes;
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<int>& axes, Axes axes_stay) {
    Shape kept = x.shape();
    for (int axis : axes) {
        // throws when there is none
        x.dim(axis);
        kept[axis < 0 ? axis + x.rank() : axis] = 1;
    }
    Shape dropped;
    for (int i = 0; i < x.rank(); ++i)
        if (std::ranges::none_of(
                axes, [&](int axis) { return (axis < 0 ? axis + x.rank() : axis) == i; }))
            dropped.push_back(x.dim(i));

    // A sum over axes of extent 1 must still be a tensor of its own.
    Tensor y = OnDevice<cpu::sum_to, cuda::sum_to>()(x, kept);
    if (y.id() == x.id()) y = detach(x);
    record(y, {x}, [shape = x.shape(), kept](const Tensor& dy) -> Tensors {
        return {OnDevice<cpu::broadcast_to, cuda::broadcast_to>()(dy.reshape(kept), shape)};
    });
    return axes_stay == Axes::keep ? y : y.reshape(dropped);
}

Tensor mean(const Tensor& x, const std::vector<int>& axes, Axes axes_stay) {
    Tensor total = sum(x, axes, axes_stay);
    return total / (static_cast<float>(x.size()) / static_cast<float>(total.size()));
}

Tensor sum(const Tensor& x) { return sum(x, all_axes(x, 0)); }
Tensor mean(const Tensor& x) { return mean(x, all_axes(x, 0)); }
Tensor sum_per_sample(const Tensor& x) { return sum(x, all_axes(x, 1)); }
Tensor mean_per_sample(const Tensor& x) { return mean(x, all_axes(x, 1)); }

Tensor normalize(const Tensor& x) { return x / sqrt(sum(square(x), {-1}, Axes::keep)); }

}  // namespace ldm::ops
