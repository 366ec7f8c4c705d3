#include "common/ops/shape_cuda.h"

#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/device/numbers.cuh"

#include <algorithm>

namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

template <class T>
__global__ void copy_blocks_kernel(std::int64_t size, std::int64_t length, const T* from, std::int64_t from_step, T* to,
                                   std::int64_t to_step) {
    for (std::int64_t i = first_index(); i < size; i += grid_stride()) {
        const std::int64_t block = i / length, place = i % length;
        to[block * to_step + place] = from[block * from_step + place];
    }
}

constexpr int most_axes = 6;

/// Axes, the last one innermost, and how far apart neighbours lie along them in the source and in the result.
struct Axes {
    int count = 0;
    std::int64_t extents[most_axes], from_steps[most_axes], to_steps[most_axes];

    void push(std::int64_t extent, std::int64_t from_step, std::int64_t to_step) {
        extents[count] = extent;
        from_steps[count] = from_step;
        to_steps[count] = to_step;
        ++count;
    }

    void remove(int axis) {
        for (std::int64_t* of : {extents, from_steps, to_steps}) std::copy(of + axis + 1, of + count, of + axis);
        --count;
    }

    struct Place {
        std::int64_t from, to;
    };
    __device__ Place operator[](std::int64_t index) const {
        Place place{0, 0};
        for (int axis = count - 1; axis >= 0; --axis) {
            const std::int64_t along = index % extents[axis];
            index /= extents[axis];
            place.from += along * from_steps[axis];
            place.to += along * to_steps[axis];
        }
        return place;
    }
};

/// Rows that stay rows: a block copies one after the other.
template <class T>
__global__ void move_rows_kernel(std::int64_t rows, std::int64_t length, Axes axes, const T* x, T* y) {
    for (std::int64_t r = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y; r < rows;
         r += static_cast<std::int64_t>(gridDim.x) * blockDim.y) {
        const auto at = axes[r];
        for (std::int64_t i = threadIdx.x; i < length; i += blockDim.x) y[at.to + i] = x[at.from + i];
    }
}

/// A matrix [rows, columns] of the source that is turned around: neighbours in a row of the source become neighbours in a column.
/// A tile goes through shared memory, so that both reading and writing touch neighbours; its rows are one number longer than the
/// tile, or the threads that read a column would all ask the same bank.
constexpr int tile = 32, tile_threads = 8;

struct Matrices {
    std::int64_t rows, columns;       // columns lie next to each other in the source, rows in the result
    std::int64_t row_step, column_step;  // from row to row in the source, from column to column in the result
};

template <class T>
__global__ void turn_kernel(Matrices matrix, Axes axes, const T* x, T* y) {
    __shared__ T square[tile][tile + 1];
    const auto at = axes[blockIdx.z];
    const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * tile;
    const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * tile;
    for (int i = threadIdx.y; i < tile; i += tile_threads) {
        const std::int64_t row = first_row + i, column = first_column + threadIdx.x;
        if (row < matrix.rows && column < matrix.columns) square[i][threadIdx.x] = x[at.from + row * matrix.row_step + column];
    }
    __syncthreads();
    for (int i = threadIdx.y; i < tile; i += tile_threads) {
        const std::int64_t row = first_row + threadIdx.x, column = first_column + i;
        if (row < matrix.rows && column < matrix.columns) y[at.to + column * matrix.column_step + row] = square[threadIdx.x][i];
    }
}

template <class From, class To>
__global__ void convert_kernel(std::int64_t count, const From* x, To* y) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride()) y[i] = from_float<To>(as_float(x[i]));
}

__global__ void to_float_kernel(std::int64_t count, const std::int32_t* x, float* y) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride()) y[i] = static_cast<float>(x[i]);
}

unsigned tiles(std::int64_t count) { return static_cast<unsigned>((count + tile - 1) / tile); }

}  // namespace

void copy_blocks(const Tensor& from, Blocks in_from, Tensor& to, Blocks in_to, std::int64_t length, std::int64_t count) {
    with_type(from, [&]<class T>(T) {
        launch(copy_blocks_kernel<T>, blocks_for(length * count), block_size, length * count, length, numbers<T>(from) + in_from.begin,
               in_from.step, numbers<T>(to) + in_to.begin, in_to.step);
    });
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
    expect(order.size() <= most_axes, "an order of more than " + std::to_string(most_axes) + " axes");
    Shape shape;
    for (int axis : order) shape.push_back(x.dim(axis));
    Tensor y = like(x, shape);
    if (x.size() == 0) return y;

    std::vector<std::int64_t> steps(x.rank(), 1);
    for (int i = x.rank() - 2; i >= 0; --i) steps[i] = steps[i + 1] * x.dim(i + 1);
    Axes axes;
    std::int64_t to_step = x.size();
    for (int axis : order) {
        to_step /= x.dim(axis);
        axes.push(x.dim(axis), steps[axis], to_step);
    }
    const int last = x.rank() - 1;
    const int inner = static_cast<int>(std::find(order.begin(), order.end(), last) - order.begin());  // where the last of the source goes
    with_type(x, [&]<class T>(T) {
        if (x.rank() == 0 || inner == last) {
            const std::int64_t length = x.rank() == 0 ? 1 : axes.extents[last], rows = x.size() / length;
            if (x.rank() > 0) axes.remove(last);
            const dim3 threads(32, block_size / 32);
            launch(move_rows_kernel<T>, blocks_for(rows * 32), threads, rows, length, axes, numbers<T>(x), numbers<T>(y));
            return;
        }
        const Matrices matrix{axes.extents[last], axes.extents[inner], axes.from_steps[last], axes.to_steps[inner]};
        axes.remove(last);
        axes.remove(inner);
        const std::int64_t count = x.size() / (matrix.rows * matrix.columns);
        expect(count <= 65535 && matrix.rows <= 65535 * tile, "too many matrices to turn around: " + to_string(x.shape()));
        launch(turn_kernel<T>, dim3(tiles(matrix.columns), tiles(matrix.rows), static_cast<unsigned>(count)), dim3(tile, tile_threads),
               matrix, axes, numbers<T>(x), numbers<T>(y));
    });
    return y;
}

void copy(const Tensor& from, Tensor& to) { copy_on_device(to.address(), from.address(), from.size() * bytes_of(from.dtype())); }

Tensor zeros_like(const Tensor& x, Shape shape) {
    Tensor y = like(x, std::move(shape));
    check(cudaMemsetAsync(y.address(), 0, y.size() * bytes_of(y.dtype()), stream()));  // all bits 0 is 0 in every type
    return y;
}

Tensor to_float(const Tensor& ints) {
    Tensor y(ints.shape(), DType::f32, Device::cuda);
    launch(to_float_kernel, blocks_for(y.size()), block_size, y.size(), numbers<std::int32_t>(ints), numbers<float>(y));
    return y;
}

Tensor to_type(const Tensor& x, DType dtype) {
    Tensor y(x.shape(), dtype, Device::cuda);
    with_type(x, [&]<class From>(From) {
        with_type(y, [&]<class To>(To) {
            launch(convert_kernel<From, To>, blocks_for(x.size()), block_size, x.size(), numbers<From>(x), numbers<To>(y));
        });
    });
    return y;
}

}  // namespace ldm::ops::cuda
