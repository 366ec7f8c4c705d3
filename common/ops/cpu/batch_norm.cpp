#include "common/ops/cpu/batch_norm.h"

#include <cmath>

#include "common/ops/cpu/parallel.h"
#include "common/ops/cpu/vector_math.h"

/// A thread does all that is to do for one channel, whose numbers then mostly still are in the
/// cache when it goes over them again.
namespace ldm::ops::cpu {
namespace {

/// The numbers of one channel of x [N, C, ...]: N planes.
struct Planes {
    std::int64_t count, channels, pixels;

    explicit Planes(const Tensor& x)
        : count(x.dim(0)),
          channels(x.dim(1)),
          pixels(x.size() / std::max<std::int64_t>(count * channels, 1)) {}

    std::int64_t numbers() const { return count * pixels; }

    /// Calls visit(where the plane begins) for every plane of the channel.
    template <class Visit>
    void of(std::int64_t channel, const Visit& visit) const {
        for (std::int64_t n = 0; n < count; ++n) visit((n * channels + channel) * pixels);
    }

    /// The sum of term(i, lanes) over all numbers of the channel; lanes beyond the last must be 0.
    template <class Term>
    double sum(std::int64_t channel, const Term& term) const {
        double sum = 0.0;
        of(channel, [&](std::int64_t begin) {
            sum += sum_lanes(pixels,
                             [&](std::int64_t i, int lanes) { return term(begin + i, lanes); });
        });
        return sum;
    }
};

/// The differences of some numbers to `center`; 0 in lanes that do not exist.
Floats differences(const float* in, int lanes, float center) {
    const Floats x = load_lanes(in, lanes) - center;
    if (lanes == simd_width) return x;
    Floats existing = {};
    for (int lane = 0; lane < lanes; ++lane) existing[lane] = x[lane];
    return existing;
}

struct ExactStatistics {
    double mean, variance;
};

ExactStatistics moments(const float* x, const Planes& planes, std::int64_t channel) {
    const double count = planes.numbers();
    // near the mean, as numbers go
    const float first = x[channel * planes.pixels];
    const double mean = first + planes.sum(channel, [=](std::int64_t i, int lanes) {
        return differences(x + i, lanes, first);
    }) / count;
    const float center = static_cast<float>(mean);
    const double squares = planes.sum(channel, [=](std::int64_t i, int lanes) {
        const Floats difference = differences(x + i, lanes, center);
        return difference * difference;
    });
    // squares are taken around a rounded mean: its distance to the mean comes off
    return {mean, squares / count - (mean - center) * (mean - center)};
}

void normalize(const float* x, float* y, const Planes& planes, std::int64_t channel,
               const ChannelNorm& norm, const Tensor& weight, const Tensor& bias) {
    const float mean = norm.mean.data()[channel], term = bias.data()[channel];
    const float factor = norm.inverse_deviation.data()[channel] * weight.data()[channel];
    planes.of(channel, [=, &planes](std::int64_t begin) {
        for (std::int64_t i = begin; i < begin + planes.pixels; ++i)
            y[i] = (x[i] - mean) * factor + term;
    });
}

}  // namespace

ChannelNorm channel_norm_of(const Tensor& mean, const Tensor& variance, float eps) {
    ChannelNorm norm{Tensor::from(mean.shape(), mean.values()), Tensor(variance.shape())};
    for (std::int64_t c = 0; c < variance.size(); ++c)
        norm.inverse_deviation.data()[c] = 1.0f / std::sqrt(variance.data()[c] + eps);
    return norm;
}

Tensor normalize_channels(const Tensor& x, const ChannelNorm& norm, const Tensor& weight,
                          const Tensor& bias) {
    const Planes planes(x);
    Tensor y(x.shape());
    parallel_for(planes.channels, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c)
            normalize(x.data(), y.data(), planes, c, norm, weight, bias);
    });
    return y;
}

BatchNorm batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps) {
    const Planes planes(x);
    const Shape channels = {planes.channels};
    BatchNorm result{Tensor(x.shape()), {Tensor(channels), Tensor(channels)}, Tensor(channels)};
    parallel_for(planes.channels, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c) {
            const auto [mean, variance] = moments(x.data(), planes, c);
            result.norm.mean.data()[c] = static_cast<float>(mean);
            result.variance.data()[c] = static_cast<float>(variance);
            result.norm.inverse_deviation.data()[c] =
                static_cast<float>(1.0 / std::sqrt(variance + eps));
            normalize(x.data(), result.y.data(), planes, c, result.norm, weight, bias);
        }
    });
    return result;
}

/// With h = (x - mean) r, r = inverse_deviation, and the means taken over the channel:
///
///     dbias = sum(dy),   dweight = sum(dy h),
///     dx = r weight (dy - mean(dy) - h mean(dy h)),   or r weight dy where the moments are given
BatchNormGradients batch_norm_backward(const Tensor& dy, const Tensor& x, const ChannelNorm& norm,
                                       const Tensor& weight, Statistics moments) {
    const Planes planes(x);
    BatchNormGradients d{Tensor(x.shape()), Tensor({planes.channels}), Tensor({planes.channels})};
    const float *in = x.data(), *grad_output = dy.data();
    float* out = d.x.data();
    const auto channel = [&](std::int64_t c) {
        const float mean = norm.mean.data()[c], r = norm.inverse_deviation.data()[c];
        const double sum_dy = planes.sum(
            c, [=](std::int64_t i, int lanes) { return load_lanes(grad_output + i, lanes); });
        const double sum_dyh = r * planes.sum(c, [=](std::int64_t i, int lanes) {
            return load_lanes(grad_output + i, lanes) * (load_lanes(in + i, lanes) - mean);
        });
        d.bias.data()[c] = static_cast<float>(sum_dy);
        d.weight.data()[c] = static_cast<float>(sum_dyh);

        const double share = moments == Statistics::of_batch ? 1.0 / planes.numbers() : 0.0;
        const float factor = r * weight.data()[c];
        const float mean_dy = static_cast<float>(sum_dy * share);
        const float slope = static_cast<float>(sum_dyh * share) * r;
        planes.of(c, [=, &planes](std::int64_t begin) {
            for (std::int64_t i = begin; i < begin + planes.pixels; ++i)
                out[i] = factor * (grad_output[i] - mean_dy - (in[i] - mean) * slope);
        });
    };
    parallel_for(planes.channels, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c) channel(c);
    });
    return d;
}

}  // namespace ldm::ops::cpu
