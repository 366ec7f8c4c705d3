#include "common/ops/cpu/shape.h"

#include <algorithm>
#include <cstring>

#include "common/io/half.h"
#include "common/ops/cpu/parallel.h"
#include "common/ops/cpu/simd.h"

namespace ldm::ops::cpu {

void copy_blocks(const Tensor& from, Blocks in_from, Tensor& to, Blocks in_to, std::int64_t length,
                 std::int64_t count) {
    const float* source = from.data() + in_from.begin;
    float* target = to.data() + in_to.begin;
    const std::int64_t grain =
        std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(length, 1));
    parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            std::copy_n(source + i * in_from.step, length, target + i * in_to.step);
    });
}

void copy(const Tensor& from, Tensor& to) {
    std::memcpy(to.address(), from.address(), from.size() * bytes_of(from.dtype()));
}

Tensor zeros_like(const Tensor&, Shape shape) { return Tensor::zeros(std::move(shape)); }

Tensor to_float(const Tensor& ints) {
    Tensor y(ints.shape());
    std::copy_n(ints.ints(), ints.size(), y.data());
    return y;
}

Tensor to_type(const Tensor& x, DType dtype) {
    if (x.dtype() == dtype) return x;
    if (dtype != DType::f32 || x.dtype() == DType::i32)
        fail("on the cpu no " + name_of(dtype) + " can be made of " + name_of(x.dtype()));
    Tensor y(x.shape());
    const std::span from(static_cast<const std::uint16_t*>(x.address()),
                         static_cast<std::size_t>(x.size()));
    if (x.dtype() == DType::f16)
        io::half_to_float(from, y.values());
    else
        io::bfloat16_to_float(from, y.values());
    return y;
}

namespace {

/// to[j][i] = from[i][j] for i < rows, j < columns; a row of `from` starts every `from_step`
/// numbers, one of `to` every `to_step`. Squares are turned around in registers: plain loops would
/// read or write a whole cache line for every number.
void transpose_block(const float* from, std::int64_t from_step, std::int64_t rows,
                     std::int64_t columns, float* to, std::int64_t to_step) {
    std::int64_t i = 0;
    for (; i + simd_width <= rows; i += simd_width) {
        std::int64_t j = 0;
        for (; j + simd_width <= columns; j += simd_width) {
            Floats square[simd_width];
            for (int r = 0; r < simd_width; ++r) square[r] = load(from + (i + r) * from_step + j);
            transpose(square);
            for (int r = 0; r < simd_width; ++r) store(to + (j + r) * to_step + i, square[r]);
        }
        for (; j < columns; ++j)
            for (int r = 0; r < simd_width; ++r)
                to[j * to_step + i + r] = from[(i + r) * from_step + j];
    }
    for (; i < rows; ++i)
        for (std::int64_t j = 0; j < columns; ++j) to[j * to_step + i] = from[i * from_step + j];
}

/// The axes of a result and, for each, how far apart neighbours lie in the source and in the
/// result.
struct StridedCopy {
    Shape extents, from_steps, to_steps;

    StridedCopy(const Tensor& x, const std::vector<int>& order) {
        Shape steps(x.rank(), 1);
        for (int i = x.rank() - 2; i >= 0; --i) steps[i] = steps[i + 1] * x.dim(i + 1);
        std::int64_t to_step = x.size();
        for (int axis : order) {
            to_step /= std::max<std::int64_t>(x.dim(axis), 1);
            push(x.dim(axis), steps[axis], to_step);
        }
    }

    void push(std::int64_t extent, std::int64_t from_step, std::int64_t to_step) {
        extents.push_back(extent);
        from_steps.push_back(from_step);
        to_steps.push_back(to_step);
    }

    void remove(std::size_t axis) {
        for (Shape* of : {&extents, &from_steps, &to_steps}) of->erase(of->begin() + axis);
    }

    /// Where entry `index` of the axes starts in the source and in the result.
    std::pair<std::int64_t, std::int64_t> start(std::int64_t index) const {
        std::int64_t from = 0, to = 0;
        for (std::size_t axis = extents.size(); axis-- > 0;) {
            from += index % extents[axis] * from_steps[axis];
            to += index % extents[axis] * to_steps[axis];
            index /= extents[axis];
        }
        return {from, to};
    }
};

}  // namespace

Tensor permute(const Tensor& x, const std::vector<int>& order) {
    Shape shape;
    for (int axis : order) shape.push_back(x.dim(axis));
    Tensor y(shape);
    if (x.size() == 0 || x.rank() == 0) return y.size() ? Tensor::from(shape, x.values()) : y;

    // Two axes make a matrix that is turned around, or copied if they are the same: the last of the
    // source and the last of the result. The others count through such matrices.
    StridedCopy strided_copy(x, order);
    const std::size_t last = order.size() - 1;
    const std::size_t inner = std::ranges::find(order, static_cast<int>(last)) - order.begin();
    const std::int64_t length = strided_copy.extents[last],
                       length_step = strided_copy.from_steps[last];
    const std::int64_t width = inner == last ? 1 : strided_copy.extents[inner],
                       width_step = strided_copy.to_steps[inner];
    strided_copy.remove(last);
    if (inner != last) strided_copy.remove(inner);

    // columns of the source that one piece of work turns
    constexpr std::int64_t strip = 4 * simd_width;
    const std::int64_t strips = (width + strip - 1) / strip, matrices = x.size() / (length * width);
    const std::int64_t grain =
        std::max<std::int64_t>(1, elementwise_grain / 4 / (length * std::min(width, strip)));
    parallel_for(matrices * strips, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            const auto [from, to] = strided_copy.start(i / strips);
            const std::int64_t column = i % strips * strip,
                               columns = std::min(strip, width - column);
            if (inner == last)
                std::copy_n(x.data() + from, length, y.data() + to);
            else
                transpose_block(x.data() + from + column, length_step, length, columns,
                                y.data() + to + column * width_step, width_step);
        }
    });
    return y;
}

}  // namespace ldm::ops::cpu
