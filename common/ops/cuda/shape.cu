#include <algorithm>

#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/ops/cuda/axes.cuh"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/shape.h"

namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

/// `Number` is one of the tensors', or as many of them as are moved at once.
template <class Number, class Index>
__global__ void copy_blocks_kernel(Index size, Index length, const Number* from,
                                   std::int64_t from_step, Number* to, std::int64_t to_step) {
    for (auto i = static_cast<Index>(first_index()); i < size;
         i += static_cast<Index>(grid_stride())) {
        const Index block = i / length, place = i % length;
        to[block * to_step + place] = from[block * from_step + place];
    }
}

/// Rows that stay rows: a block copies one after the other.
template <class T, class Index>
__global__ void move_rows_kernel(Index rows, Index length, Axes<Index> axes, const T* x, T* y) {
    for (Index r = blockIdx.x * blockDim.y + threadIdx.y; r < rows; r += gridDim.x * blockDim.y) {
        const auto at = axes[r];
        for (Index i = threadIdx.x; i < length; i += blockDim.x) y[at.b + i] = x[at.a + i];
    }
}

/// A matrix [rows, columns] of the source that is turned around: neighbours in a row of the source
/// become neighbours in a column. A tile goes through shared memory, so that both reading and
/// writing touch neighbours; its rows are one number longer than the tile, or the threads that read
/// a column would all ask the same bank.
constexpr int tile = 32, tile_threads = 8;

struct Matrices {
    // columns lie next to each other in the source, rows in the result
    std::int64_t rows, columns;
    // from row to row in the source, from column to column in the result
    std::int64_t row_step, column_step;
};

template <class T>
__global__ void turn_kernel(Matrices matrix, Axes<std::uint64_t> axes, const T* x, T* y) {
    __shared__ T square[tile][tile + 1];
    const auto at = axes[blockIdx.z];
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * tile;
    const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * tile;
    for (int i = threadIdx.y; i < tile; i += tile_threads) {
        const std::int64_t row = first_row + i, column = first_column + threadIdx.x;
        if (row < matrix.rows && column < matrix.columns)
            square[i][threadIdx.x] = x[at.a + row * matrix.row_step + column];
    }
    __syncthreads();
    for (int i = threadIdx.y; i < tile; i += tile_threads) {
        const std::int64_t row = first_row + threadIdx.x, column = first_column + i;
        if (row < matrix.rows && column < matrix.columns)
            y[at.b + column * matrix.column_step + row] = square[threadIdx.x][i];
    }
}

template <class From, class To>
__global__ void convert_kernel(std::int64_t count, const From* x, To* y) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride())
        y[i] = from_float<To>(as_float(x[i]));
}

__global__ void to_float_kernel(std::int64_t count, const std::int32_t* x, float* y) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride())
        y[i] = static_cast<float>(x[i]);
}

unsigned tiles(std::int64_t count) { return static_cast<unsigned>((count + tile - 1) / tile); }

}  // namespace

void copy_blocks(const Tensor& from, Blocks in_from, Tensor& to, Blocks in_to, std::int64_t length,
                 std::int64_t count) {
    // copies `width` numbers at once
    const auto move = [&]<class Number>(const Number* source, Number* target, std::int64_t width) {
        with_index(length * count, [&]<class Index>(Index) {
            launch(copy_blocks_kernel<Number, Index>, blocks_for(length * count / width),
                   block_size, static_cast<Index>(length * count / width),
                   static_cast<Index>(length / width), source, in_from.step / width, target,
                   in_to.step / width);
        });
    };
    with_type(from, [&]<class T>(T) {
        constexpr std::int64_t width = Pack<T>::width;
        const T* source = numbers<T>(from) + in_from.begin;
        T* target = numbers<T>(to) + in_to.begin;
        const std::int64_t everything[] = {length, in_from.begin, in_from.step, in_to.begin,
                                           in_to.step};
        if (std::ranges::all_of(everything, [](std::int64_t n) { return n % width == 0; }))
            move(reinterpret_cast<const Pack<T>*>(source), reinterpret_cast<Pack<T>*>(target),
                 width);
        else
            move(source, target, 1);
    });
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
    Shape shape;
    for (int axis : order) shape.push_back(x.dim(axis));
    Tensor y = like(x, shape);
    if (x.size() == 0) return y;
    if (x.rank() == 0) {
        cuda::copy(x, y);
        return y;
    }

    // from neighbour to neighbour along the axes of x
    Shape steps(x.rank(), 1), steps_in_y(x.rank(), 1);
    const int last = x.rank() - 1;
    for (int i = last - 1; i >= 0; --i) steps[i] = steps[i + 1] * x.dim(i + 1);
    std::int64_t step = 1;
    for (int i = last; i >= 0; --i) {
        steps_in_y[order[i]] = step;
        step *= x.dim(order[i]);
    }
    /// The axes of y but those two.
    const auto axes_but = [&]<class Index>(Index, int one, int other) {
        Axes<Index> axes;
        for (int i = last; i >= 0; --i)
            if (order[i] != one && order[i] != other)
                axes.push(x.dim(order[i]), steps[order[i]], steps_in_y[order[i]]);
        return axes;
    };
    const int innermost = order[last];
    with_type(x, [&]<class T>(T) {
        if (innermost == last) {
            const std::int64_t length = x.dim(last), rows = x.size() / length;
            with_index(x.size(), [&]<class Index>(Index index) {
                launch(move_rows_kernel<T, Index>, blocks_for(rows * 32), dim3(32, block_size / 32),
                       static_cast<Index>(rows), static_cast<Index>(length),
                       axes_but(index, last, last), numbers<T>(x), numbers<T>(y));
            });
            return;
        }
        const Matrices matrix{x.dim(innermost), x.dim(last), steps[innermost], steps_in_y[last]};
        const std::int64_t count = x.size() / (matrix.rows * matrix.columns);
        expect(count <= 65535 && matrix.rows <= 65535 * tile,
               "too many matrices to turn around: " + to_string(x.shape()));
        launch(turn_kernel<T>,
               dim3(tiles(matrix.columns), tiles(matrix.rows), static_cast<unsigned>(count)),
               dim3(tile, tile_threads), matrix, axes_but(std::uint64_t{}, last, innermost),
               numbers<T>(x), numbers<T>(y));
    });
    return y;
}

void copy(const Tensor& from, Tensor& to) {
    copy_on_device(to.address(), from.address(), from.size() * bytes_of(from.dtype()));
}

Tensor zeros_like(const Tensor& x, Shape shape) {
    Tensor y = like(x, std::move(shape));
    // all bits 0 is 0 in every type
    check(cudaMemsetAsync(y.address(), 0, y.size() * bytes_of(y.dtype()), stream()));
    return y;
}

Tensor to_float(const Tensor& ints) {
    Tensor y(ints.shape(), DType::f32, Device::cuda);
    launch(to_float_kernel, blocks_for(y.size()), block_size, y.size(), numbers<std::int32_t>(ints),
           numbers<float>(y));
    return y;
}

Tensor to_type(const Tensor& x, DType dtype) {
    Tensor y(x.shape(), dtype, Device::cuda);
    with_type(x, [&]<class From>(From) {
        with_type(y, [&]<class To>(To) {
            launch(convert_kernel<From, To>, blocks_for(x.size()), block_size, x.size(),
                   numbers<From>(x), numbers<To>(y));
        });
    });
    return y;
}

}  // namespace ldm::ops::cuda
