#include "common/ops/cpu/optimizer_step.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "common/ops/cpu/parallel.h"

namespace ldm::ops::cpu {
namespace {

/// end - (1 - share)(end - x) where that is the more exact of the two forms, as in PyTorch.
inline float interpolated(float x, float end, float share) {
    return share < 0.5f ? x + share * (end - x) : end - (end - x) * (1.0f - share);
}

inline double square(double x) { return x * x; }

void adam_loop(std::int64_t count, float* __restrict w, float* __restrict m, float* __restrict v,
               const float* __restrict gradient, const AdamFactors f) {
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] + f.joins * w[i];
        m[i] = interpolated(m[i], g, f.share1);
        v[i] = v[i] * f.beta2 + f.share2 * g * g;
        w[i] = w[i] * f.keep - f.rate * m[i] / (std::sqrt(v[i]) / f.root + f.eps);
    }
}

}  // namespace

void adam_step(Tensor& weight, Tensor& exp_avg, Tensor& exp_avg_sq, const Tensor& gradient,
               const AdamFactors& factors) {
    float *w = weight.data(), *m = exp_avg.data(), *v = exp_avg_sq.data();
    const float* g = gradient.data();
    parallel_for(weight.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
        adam_loop(end - begin, w + begin, m + begin, v + begin, g + begin, factors);
    });
}

void lerp_into(Tensor& x, const Tensor& end, float share) {
    float* __restrict from = x.data();
    const float* __restrict to = end.data();
    parallel_for(x.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t stop) {
        for (std::int64_t i = begin; i < stop; ++i) from[i] = interpolated(from[i], to[i], share);
    });
}

void add_into(Tensor& x, float keep, const Tensor& y, float share) {
    float* __restrict to = x.data();
    const float* __restrict from = y.data();
    parallel_for(x.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) to[i] = to[i] * keep + share * from[i];
    });
}

namespace {

double sum_of_squares_of(const Tensor& x) {
    const float* values = x.data();
    std::vector<double> pieces((x.size() + elementwise_grain - 1) / elementwise_grain, 0.0);
    parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        // sixteen, so that an addition need not wait for the one before
        double sums[16] = {};
        std::int64_t i = begin;
        for (; i + 16 <= end; i += 16)
            for (int lane = 0; lane < 16; ++lane) sums[lane] += square(values[i + lane]);
        for (; i < end; ++i) sums[0] += square(values[i]);
        pieces[begin / elementwise_grain] = std::accumulate(sums, sums + 16, 0.0);
    });
    return std::accumulate(pieces.begin(), pieces.end(), 0.0);
}

}  // namespace

double sum_of_squares(const std::vector<Tensor>& xs) {
    double sum = 0.0;
    for (const Tensor& x : xs) sum += sum_of_squares_of(x);
    return sum;
}

bool all_finite(const Tensor& x) {
    const float* values = x.data();
    std::vector<char> pieces((x.size() + elementwise_grain - 1) / elementwise_grain, 1);
    parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        // NaN compares false
        int trouble = 0;
        for (std::int64_t i = begin; i < end; ++i)
            trouble |= !(std::abs(values[i]) <= std::numeric_limits<float>::max());
        pieces[begin / elementwise_grain] = trouble == 0;
    });
    return std::accumulate(pieces.begin(), pieces.end(), true, std::logical_and());
}

}  // namespace ldm::ops::cpu
