#include "common/device/cuda.cuh"
#include "common/ops/cuda/embedding.h"
#include "common/ops/cuda/numbers.cuh"

namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

template <class T>
__global__ void embedding_kernel(std::int64_t count, std::int64_t width, std::int64_t rows,
                                 const std::int32_t* ids, const T* table, T* y) {
    for (std::int64_t i = first_index(); i < count; i += grid_stride()) {
        const std::int64_t id = ids[i / width];
        const bool exists = id >= 0 && id < rows;
        y[i] = exists ? table[id * width + i % width] : from_float<T>(not_a_number);
    }
}

/// One block for each row of the table, which searches its id: sums in a fixed order, other than
/// with atomic additions.
template <class T>
__global__ void embedding_backward_kernel(std::int64_t places, std::int64_t width,
                                          const std::int32_t* ids, const T* dy, T* dtable) {
    for (std::int64_t j = threadIdx.x; j < width; j += block_size) {
        float sum = 0.0f;
        for (std::int64_t i = 0; i < places; ++i)
            if (ids[i] == static_cast<std::int32_t>(blockIdx.x)) sum += as_float(dy[i * width + j]);
        dtable[blockIdx.x * width + j] = from_float<T>(sum);
    }
}

}  // namespace

Tensor embedding(const Tensor& ids, const Tensor& table) {
    const auto [rows, width] = table.dims<2>();
    Shape shape = ids.shape();
    shape.push_back(width);
    Tensor y = like(table, shape);
    with_type(table, [&, rows = rows, width = width]<class T>(T) {
        launch(embedding_kernel<T>, blocks_for(y.size()), block_size, y.size(), width, rows,
               numbers<std::int32_t>(ids), numbers<T>(table), numbers<T>(y));
    });
    return y;
}

Tensor embedding_backward(const Tensor& ids, const Tensor& dy, const Shape& table_shape) {
    Tensor dtable = like(dy, table_shape);
    with_type(dy, [&]<class T>(T) {
        launch(embedding_backward_kernel<T>, static_cast<unsigned>(table_shape[0]), block_size,
               ids.size(), table_shape[1], numbers<std::int32_t>(ids), numbers<T>(dy),
               numbers<T>(dtable));
    });
    return dtable;
}

}  // namespace ldm::ops::cuda
