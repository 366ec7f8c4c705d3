#include "common/ops/norm_cuda.h"

#include "common/device/cuda.cuh"
#include "common/device/numbers.cuh"
#include "common/device/reduce.cuh"

#include <cmath>

/// A group of a large picture is a million numbers, and there are only 32 groups: one block for each would leave most of the GPU
/// idle. So rows are cut into pieces that fit into the registers of a block. Each piece is read once for its exact mean and squares
/// (Chan, Golub & LeVeque, 1979, as on the CPU), these are joined by row, and a last kernel levels all numbers.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

constexpr int numbers_per_thread = 16;
constexpr std::int64_t piece = block_size * numbers_per_thread;

struct Moments {
    float mean;
    float squares;  // sum of squared differences to the mean
};

template <class T>
__global__ void piece_moments_kernel(NormLayout layout, const T* x, Moments* moments) {
    const std::int64_t begin = blockIdx.x * piece;
    const auto count = static_cast<int>(min(piece, layout.row_length - begin));
    const T* in = x + blockIdx.y * layout.row_length + begin;
    float values[numbers_per_thread];
    const float shift = as_float(in[0]);  // near the mean, as numbers go: what remains is small and keeps its digits
    float sum = 0.0f;
    for (int i = 0; i < numbers_per_thread; ++i) {
        const int at = i * block_size + static_cast<int>(threadIdx.x);
        values[i] = at < count ? as_float(in[at]) - shift : 0.0f;
        sum += values[i];
    }
    const float mean = reduce_block(sum, Sum()) / static_cast<float>(count);
    float squares = 0.0f;
    for (int i = 0; i < numbers_per_thread; ++i) {
        const int at = i * block_size + static_cast<int>(threadIdx.x);
        if (at < count) squares += (values[i] - mean) * (values[i] - mean);
    }
    squares = reduce_block(squares, Sum());
    if (threadIdx.x == 0) moments[blockIdx.y * gridDim.x + blockIdx.x] = {mean + shift, squares};
}

/// One warp for each row.
__global__ void join_moments_kernel(NormLayout layout, int pieces, const Moments* moments, float eps, float* mean, float* inverse_deviation) {
    const std::int64_t row = blockIdx.x;
    const auto count_of = [&](int i) { return static_cast<double>(min(piece, layout.row_length - i * piece)); };
    double sum = 0.0;
    for (int i = threadIdx.x; i < pieces; i += 32) sum += count_of(i) * moments[row * pieces + i].mean;
    const double row_mean = reduce_warp(sum, Sum()) / static_cast<double>(layout.row_length);
    double squares = 0.0;
    for (int i = threadIdx.x; i < pieces; i += 32) {
        const double distance = moments[row * pieces + i].mean - row_mean;
        squares += moments[row * pieces + i].squares + count_of(i) * distance * distance;
    }
    squares = reduce_warp(squares, Sum());
    if (threadIdx.x != 0) return;
    mean[row] = static_cast<float>(row_mean);
    inverse_deviation[row] = static_cast<float>(1.0 / sqrt(squares / static_cast<double>(layout.row_length) + eps));
}

template <class T>
__global__ void level_kernel(std::int64_t size, NormLayout layout, const T* x, const float* mean, const float* inverse_deviation,
                             const T* scale, const T* offset, T* y) {
    for (std::int64_t i = first_index(); i < size; i += grid_stride()) {
        const std::int64_t row = i / layout.row_length, p = i / layout.run % layout.parameters;
        y[i] = from_float<T>((as_float(x[i]) - mean[row]) * (inverse_deviation[row] * as_float(scale[p])) + as_float(offset[p]));
    }
}

/// dx = r (g - mean(g) - h mean(g h)), with h = (x - mean) r and g = dy scale; one block for each row.
template <class T>
__global__ void backward_kernel(NormLayout layout, const T* dy, const T* x, const float* mean, const float* inverse_deviation,
                                const T* scale, T* dx) {
    const std::int64_t row = blockIdx.x, begin = row * layout.row_length;
    const float m = mean[row], r = inverse_deviation[row];
    const auto g_of = [&](std::int64_t i) { return as_float(dy[i]) * as_float(scale[i / layout.run % layout.parameters]); };
    double g = 0.0, gh = 0.0;
    for (std::int64_t i = begin + threadIdx.x; i < begin + layout.row_length; i += block_size) {
        g += g_of(i);
        gh += g_of(i) * ((as_float(x[i]) - m) * r);
    }
    const auto mean_g = static_cast<float>(reduce_block(g, Sum()) / static_cast<double>(layout.row_length));
    const auto mean_gh = static_cast<float>(reduce_block(gh, Sum()) / static_cast<double>(layout.row_length));
    for (std::int64_t i = begin + threadIdx.x; i < begin + layout.row_length; i += block_size)
        dx[i] = from_float<T>(r * (g_of(i) - mean_g - (as_float(x[i]) - m) * r * mean_gh));
}

/// doffset = sum(dy) and dscale = sum(dy h) over everything that has this scale and offset; one block for each.
template <class T>
__global__ void parameters_backward_kernel(std::int64_t size, NormLayout layout, const T* dy, const T* x, const float* mean,
                                           const float* inverse_deviation, T* dscale, T* doffset) {
    const std::int64_t p = blockIdx.x, runs = size / (layout.parameters * layout.run);
    double sum = 0.0, sum_h = 0.0;
    for (std::int64_t k = threadIdx.x; k < runs * layout.run; k += block_size) {
        const std::int64_t i = (k / layout.run * layout.parameters + p) * layout.run + k % layout.run, row = i / layout.row_length;
        const float flow = as_float(dy[i]);
        sum += flow;
        sum_h += flow * ((as_float(x[i]) - mean[row]) * inverse_deviation[row]);
    }
    sum = reduce_block(sum, Sum());
    sum_h = reduce_block(sum_h, Sum());
    if (threadIdx.x != 0) return;
    doffset[p] = from_float<T>(static_cast<float>(sum));
    dscale[p] = from_float<T>(static_cast<float>(sum_h));
}

Tensor floats(std::int64_t count) { return Tensor({count}, DType::f32, Device::cuda); }

}  // namespace

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& scale, const Tensor& offset, float eps) {
    Normalized result{like(x, x.shape()), floats(layout.rows), floats(layout.rows)};
    if (x.size() == 0) return result;
    const auto pieces = static_cast<unsigned>((layout.row_length + piece - 1) / piece);
    const auto rows = static_cast<unsigned>(layout.rows);
    Tensor moments = floats(2 * layout.rows * pieces);
    auto* of_pieces = static_cast<Moments*>(moments.address());
    with_type(x, [&]<class T>(T) {
        for (unsigned first = 0; first < rows; first += 65535) {  // the most that a grid has along y
            const unsigned count = std::min(rows - first, 65535u);
            launch(piece_moments_kernel<T>, dim3(pieces, count), block_size, layout, numbers<T>(x) + first * layout.row_length,
                   of_pieces + static_cast<std::int64_t>(first) * pieces);
        }
        launch(join_moments_kernel, rows, 32, layout, static_cast<int>(pieces), of_pieces, eps, numbers<float>(result.mean),
               numbers<float>(result.inverse_deviation));
        launch(level_kernel<T>, blocks_for(x.size()), block_size, x.size(), layout, numbers<T>(x), numbers<float>(result.mean),
               numbers<float>(result.inverse_deviation), numbers<T>(scale), numbers<T>(offset), numbers<T>(result.y));
    });
    return result;
}

NormGradients normalize_backward(const Tensor& dy, const Tensor& x, const Normalized& forward, NormLayout layout, const Tensor& scale) {
    NormGradients d{like(x, x.shape()), like(scale, scale.shape()), like(scale, scale.shape())};
    with_type(x, [&]<class T>(T) {
        const float *mean = numbers<float>(forward.mean), *inverse_deviation = numbers<float>(forward.inverse_deviation);
        launch(backward_kernel<T>, static_cast<unsigned>(layout.rows), block_size, layout, numbers<T>(dy), numbers<T>(x), mean,
               inverse_deviation, numbers<T>(scale), numbers<T>(d.x));
        launch(parameters_backward_kernel<T>, static_cast<unsigned>(layout.parameters), block_size, x.size(), layout, numbers<T>(dy),
               numbers<T>(x), mean, inverse_deviation, numbers<T>(d.scale), numbers<T>(d.offset));
    });
    return d;
}

}  // namespace ldm::ops::cuda
