#include "common/ops/cpu/elementwise.h"

#include <cmath>
#include <numbers>

#include "common/ops/cpu/parallel.h"
#include "common/ops/cpu/vector_math.h"

namespace ldm::ops::cpu {
namespace {

template <class F>
Tensor map(const Tensor& x, F f) {
    Tensor y(x.shape());
    const float* in = x.data();
    float* out = y.data();
    parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = f(in[i]);
    });
    return y;
}

template <class F>
Tensor map(const Tensor& a, const Tensor& b, F f) {
    Tensor y(a.shape());
    const float* left = a.data();
    const float* right = b.data();
    float* out = y.data();
    parallel_for(a.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = f(left[i], right[i]);
    });
    return y;
}

/// The same a register at a time, for functions of cpu/vector_math.h.
template <class F>
Tensor map_lanes(const Tensor& x, F f) {
    Tensor y(x.shape());
    const float* in = x.data();
    float* out = y.data();
    parallel_for(x.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        for_lanes(end - begin, [&](std::int64_t i, int lanes) {
            store_lanes(out + begin + i, f(load_lanes(in + begin + i, lanes)), lanes);
        });
    });
    return y;
}

template <class F>
Tensor map_lanes(const Tensor& a, const Tensor& b, F f) {
    Tensor y(a.shape());
    const float* left = a.data();
    const float* right = b.data();
    float* out = y.data();
    parallel_for(a.size(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
        for_lanes(end - begin, [&](std::int64_t i, int lanes) {
            const std::int64_t at = begin + i;
            store_lanes(out + at, f(load_lanes(left + at, lanes), load_lanes(right + at, lanes)),
                        lanes);
        });
    });
    return y;
}

/// The density of a standard normal variable.
Floats normal_density(Floats x) {
    constexpr float scale = std::numbers::inv_sqrtpi_v<float> / std::numbers::sqrt2_v<float>;
    return scale * gaussian(x);
}

constexpr float quick = 1.702f;

}  // namespace

Tensor unary(Unary op, const Tensor& x) {
    switch (op) {
        case Unary::silu:
            return map_lanes(x, [](Floats v) { return v * sigmoid(v); });
        case Unary::gelu:
            return map_lanes(x, [](Floats v) { return v * normal_cdf(v); });
        case Unary::quick_gelu:
            return map_lanes(x, [](Floats v) { return v * sigmoid(quick * v); });
        case Unary::sigmoid:
            return map_lanes(x, [](Floats v) { return sigmoid(v); });
        case Unary::tanh:
            return map(x, [](float v) { return std::tanh(v); });
        case Unary::relu:
            return map(x, [](float v) { return v > 0 ? v : v * 0.0f; });
        // written so that exp never overflows
        case Unary::softplus:
            return map(
                x, [](float v) { return std::max(v, 0.0f) + std::log1p(std::exp(-std::abs(v))); });
        case Unary::exp:
            return map_lanes(x, [](Floats v) { return exp(v); });
        case Unary::log:
            return map(x, [](float v) { return std::log(v); });
        case Unary::sqrt:
            return map(x, [](float v) { return std::sqrt(v); });
        case Unary::square:
            return map(x, [](float v) { return v * v; });
        case Unary::abs:
            return map(x, [](float v) { return std::abs(v); });
        case Unary::sin:
            return map(x, [](float v) { return std::sin(v); });
        case Unary::cos:
            return map(x, [](float v) { return std::cos(v); });
    }
    fail("no such function");
}

Tensor unary_backward(Unary op, const Tensor& seen, const Tensor& dy) {
    expect_shape(dy, seen.shape());
    switch (op) {
        case Unary::silu:
            return map_lanes(seen, dy, [](Floats v, Floats d) {
                const Floats s = sigmoid(v);
                return d * s * (1.0f + v * (1.0f - s));
            });
        case Unary::gelu:
            return map_lanes(seen, dy, [](Floats v, Floats d) {
                return d * (normal_cdf(v) + v * normal_density(v));
            });
        case Unary::quick_gelu:
            return map_lanes(seen, dy, [](Floats v, Floats d) {
                const Floats s = sigmoid(quick * v);
                return d * s * (1.0f + quick * v * (1.0f - s));
            });
        case Unary::sigmoid:
            return map(seen, dy, [](float s, float d) { return d * s * (1.0f - s); });
        case Unary::tanh:
            return map(seen, dy, [](float t, float d) { return d * (1.0f - t * t); });
        case Unary::relu:
            return map(seen, dy, [](float v, float d) { return v > 0 ? d : 0.0f; });
        case Unary::softplus:
            return map_lanes(seen, dy, [](Floats v, Floats d) { return d * sigmoid(v); });
        case Unary::exp:
            return map(seen, dy, [](float e, float d) { return d * e; });
        case Unary::log:
            return map(seen, dy, [](float v, float d) { return d / v; });
        case Unary::sqrt:
            return map(seen, dy, [](float r, float d) { return 0.5f * d / r; });
        case Unary::square:
            return map(seen, dy, [](float v, float d) { return 2.0f * d * v; });
        case Unary::abs:
            return map(seen, dy, [](float v, float d) { return v > 0 ? d : v < 0 ? -d : 0.0f; });
        case Unary::sin:
            return map(seen, dy, [](float v, float d) { return d * std::cos(v); });
        case Unary::cos:
            return map(seen, dy, [](float v, float d) { return -d * std::sin(v); });
    }
    fail("no such function");
}

Tensor affine(const Tensor& x, float factor, float term) {
    return map(x, [=](float v) { return v * factor + term; });
}

Tensor divide(const Tensor& x, float divisor) {
    return map(x, [=](float v) { return v / divisor; });
}

Tensor leaky_relu(const Tensor& x, float slope) {
    return map_lanes(x, [=](Floats v) { return v > 0.0f ? v : v * slope; });
}

Tensor leaky_relu_backward(const Tensor& x, const Tensor& dy, float slope) {
    return map_lanes(x, dy, [=](Floats v, Floats d) { return v > 0.0f ? d : d * slope; });
}

// NaN compares false with everything and so stays NaN.
Tensor clamp(const Tensor& x, float low, float high) {
    return map(x, [=](float v) { return v < low ? low : v > high ? high : v; });
}

Tensor clamp_backward(const Tensor& x, const Tensor& dy, float low, float high) {
    return map(x, dy, [=](float v, float d) { return v < low || v > high ? 0.0f : d; });
}

}  // namespace ldm::ops::cpu
