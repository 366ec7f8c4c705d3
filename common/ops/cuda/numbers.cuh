#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "common/tensor/tensor.h"

/// The number types of a GPU. Kernels read and write all three and compute in float32.
namespace ldm::cuda {

__device__ inline float as_float(float x) { return x; }
__device__ inline float as_float(__half x) { return __half2float(x); }
__device__ inline float as_float(__nv_bfloat16 x) { return __bfloat162float(x); }

template <class T>
__device__ T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
    return x;
}
template <>
__device__ inline __half from_float<__half>(float x) {
    return __float2half_rn(x);
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}

template <class T>
inline constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<__half> = DType::f16;
template <>
inline constexpr DType dtype_of<__nv_bfloat16> = DType::bf16;

/// As many numbers as a thread reads or writes at once: 16 bytes.
template <class T>
struct alignas(16) Pack {
    static constexpr int width = 16 / sizeof(T);
    T numbers[width];
};

/// The numbers of a tensor on the GPU; null for an empty tensor. An Error for another type or
/// device.
template <class T>
const T* numbers(const Tensor& x, std::source_location where = std::source_location::current()) {
    if (!x) return nullptr;
    if (x.device() != Device::cuda || x.dtype() != dtype_of<T>)
        fail("expected " + name_of(dtype_of<T>) + " on cuda, got " + name_of(x.dtype()) + " " +
                 to_string(x.shape()) + " on " + name_of(x.device()),
             where);
    return static_cast<const T*>(x.address());
}
template <class T>
T* numbers(Tensor& x, std::source_location where = std::source_location::current()) {
    return const_cast<T*>(numbers<T>(static_cast<const Tensor&>(x), where));
}

/// Calls f with a number of the type that x is made of: `with_type(x, [&]<class T>(T) { … });`
template <class F>
auto with_type(const Tensor& x, F f) {
    switch (x.dtype()) {
        case DType::f32:
            return f(float{});
        case DType::f16:
            return f(__half{});
        case DType::bf16:
            return f(__nv_bfloat16{});
        case DType::i32:
            break;
    }
    fail("expected floating-point numbers, got int32 " + to_string(x.shape()));
}

}  // namespace ldm::cuda
