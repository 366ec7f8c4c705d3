#include <cmath>

#include "common/device/cuda.cuh"
#include "common/ops/cuda/norm.h"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/reduce.cuh"

/// A row that fits into the registers of a block is read once: one kernel finds its moments and
/// normalizes it. A group of a large picture is a million numbers, and there are only 32 groups:
/// one block for each would leave most of the GPU idle. So longer rows are cut into such pieces.
/// Each piece is read once for its exact mean and squares (Chan, Golub & LeVeque, 1979, as on the
/// CPU), these are joined by row, and a last kernel normalizes all numbers.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

constexpr int numbers_per_thread = 16;
constexpr std::int64_t piece = block_size * numbers_per_thread;

struct MeanM2 {
    float mean;
    // sum of squared differences to the mean
    float squares;
};

/// `count` numbers in the registers of a block: each thread has `own` of them. All threads have to
/// come.
template <int own>
struct Held {
    float values[own];
    int count;

    template <class T>
    __device__ Held(const T* in, int count, float shift) : count(count) {
        for_each([&](int i, int at) { values[i] = as_float(in[at]) - shift; },
                 [&](int i) { values[i] = 0.0f; });
    }

    /// f(i, at) for the thread's numbers, which are those `at` in the piece; otherwise(i) where
    /// there is none.
    template <class F, class Otherwise>
    __device__ void for_each(F f, Otherwise otherwise) {
#pragma unroll
        for (int i = 0; i < own; ++i)
            if (const int at = i * block_size + static_cast<int>(threadIdx.x); at < count)
                f(i, at);
            else
                otherwise(i);
    }
    template <class F>
    __device__ void for_each(F f) {
        for_each(f, [](int) {});
    }

    __device__ MeanM2 moments() {
        float sum = 0.0f, squares = 0.0f;
        for_each([&](int i, int) { sum += values[i]; });
        const float mean = reduce_block(sum, Sum()) / static_cast<float>(count);
        for_each([&](int i, int) { squares += (values[i] - mean) * (values[i] - mean); });
        return {mean, reduce_block(squares, Sum())};
    }
};

template <class T>
__global__ void piece_moments_kernel(NormLayout layout, const T* x, MeanM2* moments) {
    const std::int64_t begin = blockIdx.x * piece;
    const T* in = x + blockIdx.y * layout.row_length + begin;
    // near the mean, as numbers go: what remains is small and keeps its digits
    const float shift = as_float(in[0]);
    Held<numbers_per_thread> held(in, static_cast<int>(min(piece, layout.row_length - begin)),
                                  shift);
    const MeanM2 of_piece = held.moments();
    if (threadIdx.x == 0)
        moments[blockIdx.y * gridDim.x + blockIdx.x] = {of_piece.mean + shift, of_piece.squares};
}

__device__ float inverse_of_deviation(double squares, std::int64_t count, float eps) {
    return static_cast<float>(1.0 / sqrt(squares / static_cast<double>(count) + eps));
}

/// One warp for each row.
__global__ void join_moments_kernel(NormLayout layout, int pieces, const MeanM2* moments, float eps,
                                    float* mean, float* inverse_deviation) {
    const std::int64_t row = blockIdx.x;
    const auto count_of = [&](int i) {
        return static_cast<double>(min(piece, layout.row_length - i * piece));
    };
    double sum = 0.0;
    for (int i = threadIdx.x; i < pieces; i += 32)
        sum += count_of(i) * moments[row * pieces + i].mean;
    const double row_mean = reduce_warp(sum, Sum()) / static_cast<double>(layout.row_length);
    double squares = 0.0;
    for (int i = threadIdx.x; i < pieces; i += 32) {
        const double distance = moments[row * pieces + i].mean - row_mean;
        squares += moments[row * pieces + i].squares + count_of(i) * distance * distance;
    }
    squares = reduce_warp(squares, Sum());
    if (threadIdx.x != 0) return;
    mean[row] = static_cast<float>(row_mean);
    inverse_deviation[row] = inverse_of_deviation(squares, layout.row_length, eps);
}

// What is applied to a normalized number; `grad_output` is the gradient of the output.

struct AsItIs {
    __device__ float operator()(float y, float) const { return y; }
};

struct Silu {
    __device__ float operator()(float y, float) const { return y / (1.0f + expf(-y)); }
};

struct SiluBackward {
    __device__ float operator()(float y, float grad_output) const {
        const float s = 1.0f / (1.0f + expf(-y));
        return grad_output * (s * (1.0f + y * (1.0f - s)));
    }
};

/// Everything at once for rows that a block can hold; one block for each row.
template <class T, int own, class Activation>
__global__ void whole_row_kernel(NormLayout layout, const T* x, float eps, const T* weight,
                                 const T* bias, float* mean, float* inverse_deviation, T* y,
                                 Activation activation) {
    const std::int64_t row = blockIdx.x, begin = row * layout.row_length,
                       p = begin / layout.run % layout.parameters;
    const float shift = as_float(x[begin]);
    Held<own> held(x + begin, static_cast<int>(layout.row_length), shift);
    const MeanM2 of_row = held.moments();
    // The squares are float32, and many a GPU has hardly anything that computes in double
    // precision.
    const float r = 1.0f / sqrtf(of_row.squares / static_cast<float>(held.count) + eps);
    const auto run = static_cast<unsigned>(layout.run);
    held.for_each([&](int i, int at) {
        const std::int64_t q = p + static_cast<unsigned>(at) / run;
        y[begin + at] = from_float<T>(activation(
            (held.values[i] - of_row.mean) * (r * as_float(weight[q])) + as_float(bias[q]), 0.0f));
    });
    if (threadIdx.x != 0) return;
    mean[row] = of_row.mean + shift;
    inverse_deviation[row] = r;
}

/// y = activation((x - mean) r weight + bias, dy), `dy` being null on the way forward. A run has
/// one mean, one weight and one bias: block (k, j) has the j-th part of run k.
template <class T, class Activation>
__global__ void normalize_kernel(NormLayout layout, const T* x, const float* mean,
                                 const float* inverse_deviation, const T* weight, const T* bias,
                                 const T* dy, T* y, Activation activation) {
    constexpr int width = Pack<T>::width;
    const std::int64_t begin = blockIdx.x * layout.run, row = begin / layout.row_length,
                       p = blockIdx.x % layout.parameters;
    const float m = mean[row], factor = inverse_deviation[row] * as_float(weight[p]),
                term = as_float(bias[p]);
    const auto normalized = [&](T number, T grad_output) {
        return from_float<T>(
            activation((as_float(number) - m) * factor + term, as_float(grad_output)));
    };
    const T nothing = from_float<T>(0.0f);
    const std::int64_t first = blockIdx.y * blockDim.x + threadIdx.x,
                       stride = gridDim.y * blockDim.x;
    if (layout.run % width != 0) {
        for (std::int64_t i = begin + first; i < begin + layout.run; i += stride)
            y[i] = normalized(x[i], dy ? dy[i] : nothing);
        return;
    }
    for (std::int64_t i = begin / width + first; i < (begin + layout.run) / width; i += stride) {
        const Pack<T> in = reinterpret_cast<const Pack<T>*>(x)[i];
        Pack<T> grad_output{}, out;
        if (dy) grad_output = reinterpret_cast<const Pack<T>*>(dy)[i];
#pragma unroll
        for (int j = 0; j < width; ++j)
            out.numbers[j] = normalized(in.numbers[j], grad_output.numbers[j]);
        reinterpret_cast<Pack<T>*>(y)[i] = out;
    }
}

/// For runs of one number, as a layer_norm has them: a block for each row.
template <class T, class Activation>
__global__ void normalize_rows_kernel(NormLayout layout, const T* x, const float* mean,
                                      const float* inverse_deviation, const T* weight,
                                      const T* bias, const T* dy, T* y, Activation activation) {
    const std::int64_t row = blockIdx.x, begin = row * layout.row_length,
                       p = begin % layout.parameters;
    const float m = mean[row], r = inverse_deviation[row];
    for (std::int64_t i = threadIdx.x; i < layout.row_length; i += blockDim.x) {
        const float normalized =
            (as_float(x[begin + i]) - m) * (r * as_float(weight[p + i])) + as_float(bias[p + i]);
        y[begin + i] = from_float<T>(activation(normalized, dy ? as_float(dy[begin + i]) : 0.0f));
    }
}

template <class T, class Activation>
void normalize_all(const Tensor& x, NormLayout layout, const Tensor& mean,
                   const Tensor& inverse_deviation, const Tensor& weight, const Tensor& bias,
                   const T* dy, Tensor& y, Activation activation) {
    const auto start = [&](auto kernel, dim3 blocks) {
        launch(kernel, blocks, block_size, layout, numbers<T>(x), numbers<float>(mean),
               numbers<float>(inverse_deviation), numbers<T>(weight), numbers<T>(bias), dy,
               numbers<T>(y), activation);
    };
    if (layout.run == 1)
        return start(normalize_rows_kernel<T, Activation>, static_cast<unsigned>(layout.rows));
    constexpr std::int64_t of_block = block_size * Pack<T>::width, most_parts = 1024;
    start(
        normalize_kernel<T, Activation>,
        dim3(static_cast<unsigned>(x.size() / layout.run),
             static_cast<unsigned>(std::min((layout.run + of_block - 1) / of_block, most_parts))));
}

/// dx = r (g - mean(g) - h mean(g h)), with h = (x - mean) r and g = dy weight; one block for each
/// row.
template <class T>
__global__ void backward_kernel(NormLayout layout, const T* dy, const T* x, const float* mean,
                                const float* inverse_deviation, const T* weight, T* dx) {
    const std::int64_t row = blockIdx.x, begin = row * layout.row_length;
    const float m = mean[row], r = inverse_deviation[row];
    const auto g_of = [&](std::int64_t i) {
        return as_float(dy[i]) * as_float(weight[i / layout.run % layout.parameters]);
    };
    double g = 0.0, gh = 0.0;
    for (std::int64_t i = begin + threadIdx.x; i < begin + layout.row_length; i += block_size) {
        g += g_of(i);
        gh += g_of(i) * ((as_float(x[i]) - m) * r);
    }
    const auto mean_g =
        static_cast<float>(reduce_block(g, Sum()) / static_cast<double>(layout.row_length));
    const auto mean_gh =
        static_cast<float>(reduce_block(gh, Sum()) / static_cast<double>(layout.row_length));
    for (std::int64_t i = begin + threadIdx.x; i < begin + layout.row_length; i += block_size)
        dx[i] = from_float<T>(r * (g_of(i) - mean_g - (as_float(x[i]) - m) * r * mean_gh));
}

/// dbias = sum(dy) and dweight = sum(dy h) over everything that has this weight and bias; one
/// block for each.
template <class T>
__global__ void parameters_backward_kernel(std::int64_t size, NormLayout layout, const T* dy,
                                           const T* x, const float* mean,
                                           const float* inverse_deviation, T* dweight, T* dbias) {
    const std::int64_t p = blockIdx.x, runs = size / (layout.parameters * layout.run);
    double sum = 0.0, sum_h = 0.0;
    for (std::int64_t k = threadIdx.x; k < runs * layout.run; k += block_size) {
        const std::int64_t i = (k / layout.run * layout.parameters + p) * layout.run +
                               k % layout.run,
                           row = i / layout.row_length;
        const float grad_output = as_float(dy[i]);
        sum += grad_output;
        sum_h += grad_output * ((as_float(x[i]) - mean[row]) * inverse_deviation[row]);
    }
    sum = reduce_block(sum, Sum());
    sum_h = reduce_block(sum_h, Sum());
    if (threadIdx.x != 0) return;
    dbias[p] = from_float<T>(static_cast<float>(sum));
    dweight[p] = from_float<T>(static_cast<float>(sum_h));
}

Tensor floats(std::int64_t count) { return Tensor({count}, DType::f32, Device::cuda); }

template <class T, class After>
void normalize_as(const Tensor& x, NormLayout layout, const Tensor& weight, const Tensor& bias,
                  float eps, Normalized& result, After activation) {
    const auto rows = static_cast<unsigned>(layout.rows);
    float *mean = numbers<float>(result.mean),
          *inverse_deviation = numbers<float>(result.inverse_deviation);
    const auto whole_rows = [&](auto kernel) {
        launch(kernel, rows, block_size, layout, numbers<T>(x), eps, numbers<T>(weight),
               numbers<T>(bias), mean, inverse_deviation, numbers<T>(result.y), activation);
    };
    if (layout.row_length <= 4 * block_size) return whole_rows(whole_row_kernel<T, 4, After>);
    if (layout.row_length <= piece)
        return whole_rows(whole_row_kernel<T, numbers_per_thread, After>);

    const auto pieces = static_cast<unsigned>((layout.row_length + piece - 1) / piece);
    Tensor moments = floats(2 * layout.rows * pieces);
    auto* of_pieces = static_cast<MeanM2*>(moments.address());
    // the most that a grid has along y
    for (unsigned first = 0; first < rows; first += 65535) {
        const unsigned count = std::min(rows - first, 65535u);
        launch(piece_moments_kernel<T>, dim3(pieces, count), block_size, layout,
               numbers<T>(x) + first * layout.row_length,
               of_pieces + static_cast<std::int64_t>(first) * pieces);
    }
    launch(join_moments_kernel, rows, 32, layout, static_cast<int>(pieces), of_pieces, eps, mean,
           inverse_deviation);
    normalize_all<T>(x, layout, result.mean, result.inverse_deviation, weight, bias, nullptr,
                     result.y, activation);
}

}  // namespace

Normalized normalize(const Tensor& x, NormLayout layout, const Tensor& weight, const Tensor& bias,
                     float eps, Activation activation) {
    Normalized result{like(x, x.shape()), floats(layout.rows), floats(layout.rows)};
    if (x.size() == 0) return result;
    with_type(x, [&]<class T>(T) {
        if (activation == Activation::silu)
            normalize_as<T>(x, layout, weight, bias, eps, result, Silu());
        else
            normalize_as<T>(x, layout, weight, bias, eps, result, AsItIs());
    });
    return result;
}

Tensor silu_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                     NormLayout layout, const Tensor& weight, const Tensor& bias) {
    Tensor before = like(dy, dy.shape());
    if (x.size() == 0) return before;
    with_type(x, [&]<class T>(T) {
        normalize_all<T>(x, layout, forward.mean, forward.inverse_deviation, weight, bias,
                         numbers<T>(dy), before, SiluBackward());
    });
    return before;
}

NormGradients normalize_backward(const Tensor& dy, const Tensor& x, const Normalized& forward,
                                 NormLayout layout, const Tensor& weight) {
    NormGradients d{like(x, x.shape()), like(weight, weight.shape()), like(weight, weight.shape())};
    with_type(x, [&]<class T>(T) {
        const float *mean = numbers<float>(forward.mean),
                    *inverse_deviation = numbers<float>(forward.inverse_deviation);
        launch(backward_kernel<T>, static_cast<unsigned>(layout.rows), block_size, layout,
               numbers<T>(dy), numbers<T>(x), mean, inverse_deviation, numbers<T>(weight),
               numbers<T>(d.x));
        launch(parameters_backward_kernel<T>, static_cast<unsigned>(layout.parameters), block_size,
               x.size(), layout, numbers<T>(dy), numbers<T>(x), mean, inverse_deviation,
               numbers<T>(d.weight), numbers<T>(d.bias));
    });
    return d;
}

}  // namespace ldm::ops::cuda
