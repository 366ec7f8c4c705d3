#include <cmath>

#include "common/device/cuda.cuh"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/reduce.cuh"
#include "common/ops/cuda/softmax.h"

/// One block for each row.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

struct RowSum {
    float largest;
    // sum of exp(x - largest)
    float sum;
};

template <class T>
__device__ RowSum row_sum(const T* row, std::int64_t length) {
    float most = -infinity;
    for (std::int64_t i = threadIdx.x; i < length; i += block_size)
        most = fmaxf(most, as_float(row[i]));
    most = reduce_block(most, Largest());
    float sum = 0.0f;
    for (std::int64_t i = threadIdx.x; i < length; i += block_size)
        sum += expf(as_float(row[i]) - most);
    return {most, reduce_block(sum, Sum())};
}

template <class T>
__global__ void softmax_kernel(std::int64_t length, const T* x, T* y) {
    const T* in = x + blockIdx.x * length;
    const RowSum of_row = row_sum(in, length);
    const float share = 1.0f / of_row.sum;
    for (std::int64_t i = threadIdx.x; i < length; i += block_size)
        y[blockIdx.x * length + i] = from_float<T>(expf(as_float(in[i]) - of_row.largest) * share);
}

/// dx = y (dy - sum(dy y))
template <class T>
__global__ void softmax_backward_kernel(std::int64_t length, const T* y, const T* dy, T* dx) {
    const std::int64_t begin = blockIdx.x * length;
    float dot = 0.0f;
    for (std::int64_t i = begin + threadIdx.x; i < begin + length; i += block_size)
        dot += as_float(y[i]) * as_float(dy[i]);
    dot = reduce_block(dot, Sum());
    for (std::int64_t i = begin + threadIdx.x; i < begin + length; i += block_size)
        dx[i] = from_float<T>(as_float(y[i]) * (as_float(dy[i]) - dot));
}

template <class T>
__global__ void log_softmax_kernel(std::int64_t length, const T* x, T* y) {
    const T* in = x + blockIdx.x * length;
    const RowSum of_row = row_sum(in, length);
    const float log_sum = logf(of_row.sum);
    for (std::int64_t i = threadIdx.x; i < length; i += block_size)
        y[blockIdx.x * length + i] = from_float<T>(as_float(in[i]) - of_row.largest - log_sum);
}

/// dx = dy - exp(y) sum(dy)
template <class T>
__global__ void log_softmax_backward_kernel(std::int64_t length, const T* y, const T* dy, T* dx) {
    const std::int64_t begin = blockIdx.x * length;
    float sum = 0.0f;
    for (std::int64_t i = begin + threadIdx.x; i < begin + length; i += block_size)
        sum += as_float(dy[i]);
    sum = reduce_block(sum, Sum());
    for (std::int64_t i = begin + threadIdx.x; i < begin + length; i += block_size)
        dx[i] = from_float<T>(as_float(dy[i]) - expf(as_float(y[i])) * sum);
}

unsigned rows(const Tensor& x) {
    return static_cast<unsigned>(x.dim(-1) == 0 ? 0 : x.size() / x.dim(-1));
}

}  // namespace

Tensor softmax(const Tensor& x) {
    Tensor y = like(x, x.shape());
    with_type(x, [&]<class T>(T) {
        launch(softmax_kernel<T>, rows(x), block_size, x.dim(-1), numbers<T>(x), numbers<T>(y));
    });
    return y;
}

Tensor softmax_backward(const Tensor& y, const Tensor& dy) {
    Tensor dx = like(y, y.shape());
    with_type(y, [&]<class T>(T) {
        launch(softmax_backward_kernel<T>, rows(y), block_size, y.dim(-1), numbers<T>(y),
               numbers<T>(dy), numbers<T>(dx));
    });
    return dx;
}

Tensor log_softmax(const Tensor& x) {
    Tensor y = like(x, x.shape());
    with_type(x, [&]<class T>(T) {
        launch(log_softmax_kernel<T>, rows(x), block_size, x.dim(-1), numbers<T>(x), numbers<T>(y));
    });
    return y;
}

Tensor log_softmax_backward(const Tensor& y, const Tensor& dy) {
    Tensor dx = like(y, y.shape());
    with_type(y, [&]<class T>(T) {
        launch(log_softmax_backward_kernel<T>, rows(y), block_size, y.dim(-1), numbers<T>(y),
               numbers<T>(dy), numbers<T>(dx));
    });
    return dx;
}

}  // namespace ldm::ops::cuda
