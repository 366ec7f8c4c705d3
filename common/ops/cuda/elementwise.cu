#include <cmath>

#include "common/ops/cuda/elementwise.h"
#include "common/ops/cuda/map.cuh"

namespace ldm::ops::cuda {
namespace {

__device__ float sigmoid(float v) { return 1.0f / (1.0f + expf(-v)); }

/// The share of a standard normal variable below v, and its density there.
__device__ float normal_cdf(float v) { return normcdff(v); }
__device__ float normal_density(float v) { return 0.39894228f * expf(-0.5f * v * v); }

constexpr float quick = 1.702f;

}  // namespace

Tensor unary(Unary op, const Tensor& x) {
    switch (op) {
        case Unary::silu:
            return map(x, [] __device__(float v) { return v * sigmoid(v); });
        case Unary::gelu:
            return map(x, [] __device__(float v) { return v * normal_cdf(v); });
        case Unary::quick_gelu:
            return map(x, [] __device__(float v) { return v * sigmoid(quick * v); });
        case Unary::sigmoid:
            return map(x, [] __device__(float v) { return sigmoid(v); });
        case Unary::tanh:
            return map(x, [] __device__(float v) { return tanhf(v); });
        case Unary::relu:
            return map(x, [] __device__(float v) { return v > 0 ? v : v * 0.0f; });
        // written so that exp never overflows
        case Unary::softplus:
            return map(x,
                       [] __device__(float v) { return fmaxf(v, 0.0f) + log1pf(expf(-fabsf(v))); });
        case Unary::exp:
            return map(x, [] __device__(float v) { return expf(v); });
        case Unary::log:
            return map(x, [] __device__(float v) { return logf(v); });
        case Unary::sqrt:
            return map(x, [] __device__(float v) { return sqrtf(v); });
        case Unary::square:
            return map(x, [] __device__(float v) { return v * v; });
        case Unary::abs:
            return map(x, [] __device__(float v) { return fabsf(v); });
        case Unary::sin:
            return map(x, [] __device__(float v) { return sinf(v); });
        case Unary::cos:
            return map(x, [] __device__(float v) { return cosf(v); });
    }
    fail("no such function");
}

Tensor unary_backward(Unary op, const Tensor& seen, const Tensor& dy) {
    switch (op) {
        case Unary::silu:
            return map(seen, dy, [] __device__(float v, float d) {
                const float s = sigmoid(v);
                return d * s * (1.0f + v * (1.0f - s));
            });
        case Unary::gelu:
            return map(seen, dy, [] __device__(float v, float d) {
                return d * (normal_cdf(v) + v * normal_density(v));
            });
        case Unary::quick_gelu:
            return map(seen, dy, [] __device__(float v, float d) {
                const float s = sigmoid(quick * v);
                return d * s * (1.0f + quick * v * (1.0f - s));
            });
        case Unary::sigmoid:
            return map(seen, dy, [] __device__(float s, float d) { return d * s * (1.0f - s); });
        case Unary::tanh:
            return map(seen, dy, [] __device__(float t, float d) { return d * (1.0f - t * t); });
        case Unary::relu:
            return map(seen, dy, [] __device__(float v, float d) { return v > 0 ? d : 0.0f; });
        case Unary::softplus:
            return map(seen, dy, [] __device__(float v, float d) { return d * sigmoid(v); });
        case Unary::exp:
            return map(seen, dy, [] __device__(float e, float d) { return d * e; });
        case Unary::log:
            return map(seen, dy, [] __device__(float v, float d) { return d / v; });
        case Unary::sqrt:
            return map(seen, dy, [] __device__(float r, float d) { return 0.5f * d / r; });
        case Unary::square:
            return map(seen, dy, [] __device__(float v, float d) { return 2.0f * d * v; });
        case Unary::abs:
            return map(seen, dy, [] __device__(float v, float d) {
                return v > 0 ? d : v < 0 ? -d : 0.0f;
            });
        case Unary::sin:
            return map(seen, dy, [] __device__(float v, float d) { return d * cosf(v); });
        case Unary::cos:
            return map(seen, dy, [] __device__(float v, float d) { return -d * sinf(v); });
    }
    fail("no such function");
}

Tensor affine(const Tensor& x, float factor, float term) {
    return map(x, [=] __device__(float v) { return v * factor + term; });
}

Tensor divide(const Tensor& x, float divisor) {
    return map(x, [=] __device__(float v) { return v / divisor; });
}

Tensor leaky_relu(const Tensor& x, float slope) {
    return map(x, [=] __device__(float v) { return v > 0.0f ? v : v * slope; });
}

Tensor leaky_relu_backward(const Tensor& x, const Tensor& dy, float slope) {
    return map(x, dy, [=] __device__(float v, float d) { return v > 0.0f ? d : d * slope; });
}

// NaN compares false with everything and so stays NaN.
Tensor clamp(const Tensor& x, float low, float high) {
    return map(x, [=] __device__(float v) { return v < low ? low : v > high ? high : v; });
}

Tensor clamp_backward(const Tensor& x, const Tensor& dy, float low, float high) {
    return map(x, dy, [=] __device__(float v, float d) { return v < low || v > high ? 0.0f : d; });
}

}  // namespace ldm::ops::cuda
