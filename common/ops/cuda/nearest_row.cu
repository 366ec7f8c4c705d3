#include "common/device/cuda.cuh"
#include "common/ops/cuda/nearest_row.h"
#include "common/ops/cuda/numbers.cuh"

namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

struct Candidate {
    float distance;
    std::int32_t row;
};

/// The nearer one; of two that are equally near the first.
struct Nearer {
    __device__ Candidate operator()(Candidate a, Candidate b) const {
        return b.distance < a.distance || (b.distance == a.distance && b.row < a.row) ? b : a;
    }
};

/// |table[r]|^2
__global__ void squared_lengths_kernel(std::int64_t rows, std::int64_t width, const float* table,
                                       float* lengths) {
    for (std::int64_t r = first_index(); r < rows; r += grid_stride()) {
        float sum = 0.0f;
        for (std::int64_t i = 0; i < width; ++i) sum += table[r * width + i] * table[r * width + i];
        lengths[r] = sum;
    }
}

/// One block for each point, whose threads share the table.
__global__ void nearest_row_kernel(std::int64_t rows, std::int64_t width, const float* x,
                                   const float* table, const float* lengths,
                                   std::int32_t* nearest) {
    __shared__ Candidate candidates[block_size];
    const float* point = x + blockIdx.x * width;
    float own_length = 0.0f;
    for (std::int64_t i = 0; i < width; ++i) own_length += point[i] * point[i];
    Candidate best{infinity, 0};
    for (std::int64_t r = threadIdx.x; r < rows; r += block_size) {
        float product = 0.0f;
        for (std::int64_t i = 0; i < width; ++i) product += point[i] * table[r * width + i];
        best = Nearer()(best,
                        {own_length + lengths[r] - 2.0f * product, static_cast<std::int32_t>(r)});
    }
    candidates[threadIdx.x] = best;
    for (int half = block_size / 2; half > 0; half /= 2) {
        __syncthreads();
        if (static_cast<int>(threadIdx.x) < half)
            candidates[threadIdx.x] =
                Nearer()(candidates[threadIdx.x], candidates[threadIdx.x + half]);
    }
    if (threadIdx.x == 0) nearest[blockIdx.x] = candidates[0].row;
}

}  // namespace

Tensor nearest_row(const Tensor& x, const Tensor& table, const ComputeContext& context) {
    const auto [points, width] = x.dims<2>();
    const std::int64_t rows = table.dim(0);
    context.add_flops(2.0 * points * rows * width);
    Tensor lengths = like(table, {rows});
    Tensor nearest({points}, DType::i32, Device::cuda);
    launch(squared_lengths_kernel, blocks_for(rows), block_size, rows, width, numbers<float>(table),
           numbers<float>(lengths));
    launch(nearest_row_kernel, static_cast<unsigned>(points), block_size, rows, width,
           numbers<float>(x), numbers<float>(table), numbers<float>(lengths),
           numbers<std::int32_t>(nearest));
    return nearest;
}

}  // namespace ldm::ops::cuda
