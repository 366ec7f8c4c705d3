#include <cmath>

#include "common/device/cuda.cuh"
#include "common/device/cuda_device.h"
#include "common/ops/cuda/batch_norm.h"
#include "common/ops/cuda/numbers.cuh"
#include "common/ops/cuda/reduce.cuh"

/// One block for each channel: batch norm is only met in the discriminator of chapter 09. In
/// float32 only.
namespace ldm::ops::cuda {
namespace {

using namespace ldm::cuda;

/// The numbers of one channel of x [N, C, ...]: N planes.
struct Planes {
    std::int64_t count, channels, pixels;

    explicit Planes(const Tensor& x)
        : count(x.dim(0)),
          channels(x.dim(1)),
          pixels(x.size() / std::max<std::int64_t>(count * channels, 1)) {}

    __device__ std::int64_t numbers() const { return count * pixels; }

    /// Where number i of the channel is.
    __device__ std::int64_t place(std::int64_t channel, std::int64_t i) const {
        return (i / pixels * channels + channel) * pixels + i % pixels;
    }
};

__global__ void inverse_deviation_kernel(std::int64_t channels, const float* variance, float eps,
                                         float* inverse_deviation) {
    for (std::int64_t c = first_index(); c < channels; c += grid_stride())
        inverse_deviation[c] = 1.0f / sqrtf(variance[c] + eps);
}

__global__ void moments_kernel(Planes planes, const float* x, float eps, float* mean,
                               float* inverse_deviation, float* variance) {
    const std::int64_t channel = blockIdx.x;
    const auto count = static_cast<double>(planes.numbers());
    double sum = 0.0;
    for (std::int64_t i = threadIdx.x; i < planes.numbers(); i += block_size)
        sum += x[planes.place(channel, i)];
    const double exact_mean = reduce_block(sum, Sum()) / count;
    double squares = 0.0;
    for (std::int64_t i = threadIdx.x; i < planes.numbers(); i += block_size) {
        const double difference = x[planes.place(channel, i)] - exact_mean;
        squares += difference * difference;
    }
    squares = reduce_block(squares, Sum());
    if (threadIdx.x != 0) return;
    mean[channel] = static_cast<float>(exact_mean);
    variance[channel] = static_cast<float>(squares / count);
    inverse_deviation[channel] = static_cast<float>(1.0 / sqrt(squares / count + eps));
}

__global__ void normalize_kernel(std::int64_t size, Planes planes, const float* x,
                                 const float* mean, const float* inverse_deviation,
                                 const float* weight, const float* bias, float* y) {
    for (std::int64_t i = first_index(); i < size; i += grid_stride()) {
        const std::int64_t c = i / planes.pixels % planes.channels;
        y[i] = (x[i] - mean[c]) * (inverse_deviation[c] * weight[c]) + bias[c];
    }
}

__global__ void backward_kernel(Planes planes, const float* dy, const float* x, const float* mean,
                                const float* inverse_deviation, const float* weight,
                                bool moments_of_x, float* dx, float* dweight, float* dbias) {
    const std::int64_t channel = blockIdx.x;
    const float m = mean[channel], r = inverse_deviation[channel];
    double sum = 0.0, sum_h = 0.0;
    for (std::int64_t i = threadIdx.x; i < planes.numbers(); i += block_size) {
        const std::int64_t at = planes.place(channel, i);
        sum += dy[at];
        sum_h += dy[at] * ((x[at] - m) * r);
    }
    sum = reduce_block(sum, Sum());
    sum_h = reduce_block(sum_h, Sum());
    if (threadIdx.x == 0) {
        dbias[channel] = static_cast<float>(sum);
        dweight[channel] = static_cast<float>(sum_h);
    }
    const double share = moments_of_x ? 1.0 / static_cast<double>(planes.numbers()) : 0.0;
    const auto mean_dy = static_cast<float>(sum * share),
               mean_dyh = static_cast<float>(sum_h * share);
    for (std::int64_t i = threadIdx.x; i < planes.numbers(); i += block_size) {
        const std::int64_t at = planes.place(channel, i);
        dx[at] = r * weight[channel] * (dy[at] - mean_dy - (x[at] - m) * r * mean_dyh);
    }
}

}  // namespace

ChannelNorm channel_norm_of(const Tensor& mean, const Tensor& variance, float eps) {
    ChannelNorm norm{like(mean, mean.shape()), like(variance, variance.shape())};
    copy_on_device(norm.mean.address(), mean.address(), mean.size() * bytes_of(mean.dtype()));
    launch(inverse_deviation_kernel, blocks_for(variance.size()), block_size, variance.size(),
           numbers<float>(variance), eps, numbers<float>(norm.inverse_deviation));
    return norm;
}

Tensor normalize_channels(const Tensor& x, const ChannelNorm& norm, const Tensor& weight,
                          const Tensor& bias) {
    Tensor y = like(x, x.shape());
    launch(normalize_kernel, blocks_for(x.size()), block_size, x.size(), Planes(x),
           numbers<float>(x), numbers<float>(norm.mean), numbers<float>(norm.inverse_deviation),
           numbers<float>(weight), numbers<float>(bias), numbers<float>(y));
    return y;
}

BatchNorm batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
    const Planes planes(x);
    const Shape channels = {planes.channels};
    ChannelNorm norm{like(x, channels), like(x, channels)};
    Tensor variance = like(x, channels);
    launch(moments_kernel, static_cast<unsigned>(planes.channels), block_size, planes,
           numbers<float>(x), eps, numbers<float>(norm.mean),
           numbers<float>(norm.inverse_deviation), numbers<float>(variance));
    return {cuda::normalize_channels(x, norm, weight, bias), norm, variance};
}

BatchNormGradients batch_norm_backward(const Tensor& dy, const Tensor& x, const ChannelNorm& norm,
                                       const Tensor& weight, Statistics moments) {
    const Planes planes(x);
    BatchNormGradients d{like(x, x.shape()), like(x, {planes.channels}),
                         like(x, {planes.channels})};
    launch(backward_kernel, static_cast<unsigned>(planes.channels), block_size, planes,
           numbers<float>(dy), numbers<float>(x), numbers<float>(norm.mean),
           numbers<float>(norm.inverse_deviation), numbers<float>(weight),
           moments == Statistics::of_batch, numbers<float>(d.x), numbers<float>(d.weight),
           numbers<float>(d.bias));
    return d;
}

}  // namespace ldm::ops::cuda
