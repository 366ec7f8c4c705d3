#include "common/ops/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/autograd/tape.h"
#include "common/ops/cpu/elementwise.h"
#include "common/ops/cpu/shape.h"
#include "common/ops/cuda/elementwise.h"
#include "common/ops/cuda/shape.h"
#include "common/ops/on_device.h"

namespace ldm::ops {
namespace {

constexpr OnDevice<cpu::copy_blocks, cuda::copy_blocks> copy_blocks;
constexpr OnDevice<cpu::zeros_like, cuda::zeros_like> zeros;
constexpr OnDevice<cpu::permute, cuda::permute> permuted;
constexpr OnDevice<cpu::broadcast_to, cuda::broadcast_to> repeated;
constexpr OnDevice<cpu::sum_to, cuda::sum_to> sum_to;

int checked_axis(const Tensor& x, int axis) {
    // throws when there is none
    x.dim(axis);
    return axis < 0 ? axis + x.rank() : axis;
}

/// How many numbers lie in one step along `axis`.
std::int64_t inner_size(const Tensor& x, int axis) {
    return element_count(Shape(x.shape().begin() + axis + 1, x.shape().end()));
}

/// The gradient of slice: zeros everywhere but in the part.
Tensor pad_with_zeros(const Tensor& part, const Shape& shape, int axis, std::int64_t begin) {
    Tensor whole = zeros(part, shape);
    const std::int64_t inner = inner_size(whole, axis),
                       outer = element_count(Shape(shape.begin(), shape.begin() + axis));
    const std::int64_t length = part.dim(axis) * inner;
    copy_blocks(part, Blocks{0, length}, whole, Blocks{begin * inner, shape[axis] * inner}, length,
                outer);
    return whole;
}

}  // namespace

Tensor concat(const std::vector<Tensor>& parts, int axis) {
    expect(!parts.empty(), "nothing to concatenate");
    axis = checked_axis(parts[0], axis);
    Shape shape = parts[0].shape();
    shape[axis] = 0;
    for (const Tensor& part : parts) {
        Shape others = part.shape();
        if (part.rank() == parts[0].rank()) others[axis] = parts[0].dim(axis);
        if (others != parts[0].shape())
            fail(fmt::format("{} and {} cannot be joined along axis {}",
                             to_string(parts[0].shape()), to_string(part.shape()), axis));
        shape[axis] += part.dim(axis);
    }

    Tensor y = like(parts[0], shape);
    const std::int64_t inner = inner_size(y, axis),
                       outer = element_count(Shape(shape.begin(), shape.begin() + axis));
    std::int64_t begin = 0;
    for (const Tensor& part : parts) {
        const std::int64_t length = part.dim(axis) * inner;
        copy_blocks(part, Blocks{0, length}, y, Blocks{begin * inner, shape[axis] * inner}, length,
                    outer);
        begin += part.dim(axis);
    }
    std::vector<std::int64_t> extents;
    for (const Tensor& part : parts) extents.push_back(part.dim(axis));
    record(y, parts, [extents, axis](const Tensor& dy) {
        Tensors gradients;
        std::int64_t begin = 0;
        for (const std::int64_t extent : extents) {
            gradients.push_back(slice(dy, axis, begin, begin + extent));
            begin += extent;
        }
        return gradients;
    });
    return y;
}

Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end) {
    axis = checked_axis(x, axis);
    if (begin < 0 || begin > end || end > x.dim(axis))
        fail(fmt::format("no part [{}, {}) along axis {} of {}", begin, end, axis,
                         to_string(x.shape())));
    Shape shape = x.shape();
    shape[axis] = end - begin;
    Tensor y = like(x, shape);
    const std::int64_t inner = inner_size(x, axis),
                       outer = element_count(Shape(shape.begin(), shape.begin() + axis));
    const std::int64_t length = (end - begin) * inner;
    copy_blocks(x, Blocks{begin * inner, x.dim(axis) * inner}, y, Blocks{0, length}, length, outer);
    record(y, {x}, [shape = x.shape(), axis, begin](const Tensor& dy) -> Tensors {
        return {pad_with_zeros(dy, shape, axis, begin)};
    });
    return y;
}

std::vector<Tensor> chunk(const Tensor& x, int count, int axis) {
    const std::int64_t extent = x.dim(axis);
    if (extent % count != 0)
        fail(fmt::format("axis {} of {} does not make {} equal parts", axis, to_string(x.shape()),
                         count));
    std::vector<Tensor> parts;
    for (int i = 0; i < count; ++i)
        parts.push_back(slice(x, axis, i * (extent / count), (i + 1) * (extent / count)));
    return parts;
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
    std::vector<int> inverse(x.rank(), -1);
    expect(static_cast<int>(order.size()) == x.rank(),
           "an order of the wrong length for " + to_string(x.shape()));
    for (int i = 0; i < x.rank(); ++i) {
        expect(order[i] >= 0 && order[i] < x.rank() && inverse[order[i]] == -1,
               fmt::format("{} is not an order of the axes", fmt::join(order, " ")));
        inverse[order[i]] = i;
    }
    Tensor y = permuted(x, order);
    record(y, {x}, [inverse](const Tensor& dy) -> Tensors { return {permuted(dy, inverse)}; });
    return y;
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
    if (x.shape() == shape) return x;
    Tensor y = repeated(x, shape);
    record(y, {x}, [from = x.shape()](const Tensor& dy) -> Tensors { return {sum_to(dy, from)}; });
    return y;
}

Tensor zeros_like(const Tensor& x) { return zeros(x, x.shape()); }

Tensor detach(const Tensor& x) {
    Tensor y = like(x, x.shape());
    OnDevice<cpu::copy, cuda::copy>()(x, y);
    return y;
}

Tensor to_float(const Tensor& ints) { return OnDevice<cpu::to_float, cuda::to_float>()(ints); }

}  // namespace ldm::ops
