#pragma once

#include <cstring>

#include "common/device/cuda.cuh"
#include "common/ops/cuda/numbers.cuh"

/// The tensor cores of a warp: one instruction multiplies two small matrices of 16-bit numbers and
/// adds the product to sums in float32. A matrix is spread over the registers of the 32 lanes as
/// the PTX ISA says ("Matrix Fragments for mma.m16n8k16"): with row = lane / 4 and pair = 2 * (lane
/// % 4), a lane holds two neighbours in each 32-bit register,
///
///     A [16, 16]   a[0] (row, pair)        a[1] (row + 8, pair)
///                  a[2] (row, pair + 8)    a[3] (row + 8, pair + 8)
///     B [16, 8]    b[0] (pair, row)        b[1] (pair + 8, row): neighbours in a column
///     D [16, 8]    d[0], d[1] (row, pair), (row, pair + 1)
///                  d[2], d[3] (row + 8, pair), (row + 8, pair + 1)
namespace ldm::cuda {

/// Where in its fragments a lane stands.
struct Lane {
    int row, pair;

    __device__ Lane()
        : row(static_cast<int>(threadIdx.x) % 32 / 4),
          pair(2 * (static_cast<int>(threadIdx.x) % 4)) {}
};

/// Two neighbours in memory that begin at a multiple of 4 bytes, so that they are read and written
/// at once.
template <class T>
struct alignas(unsigned) Pair {
    T numbers[2];
};

/// Two neighbours as one register.
template <class T>
__device__ unsigned both(Pair<T> pair) {
    unsigned word;
    memcpy(&word, &pair, sizeof word);
    return word;
}
template <class T>
__device__ unsigned both(const T* neighbours) {
    return both(*reinterpret_cast<const Pair<T>*>(neighbours));
}
template <class T>
__device__ unsigned both(float first, float second) {
    return both(Pair<T>{{from_float<T>(first), from_float<T>(second)}});
}

/// A register as two neighbours.
template <class T>
__device__ void put_both(unsigned word, T* neighbours) {
    Pair<T> pair;
    memcpy(&pair, &word, sizeof word);
    *reinterpret_cast<Pair<T>*>(neighbours) = pair;
}

/// d += a b. `volatile`, for all lanes have to come: it must not end up behind a condition.
template <class T>
__device__ void multiply_add(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if !defined(__CUDACC__)
    cuda_on_host::multiply_add<T>(d, a, b);
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    if constexpr (std::is_same_v<T, __half>)
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
            "{%8,%9}, {%0,%1,%2,%3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    else
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
            "{%8,%9}, {%0,%1,%2,%3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    // Turing has half of it, and no bfloat16
    if constexpr (std::is_same_v<T, __half>)
        for (int half = 0; half < 2; ++half)
            asm volatile(
                "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
                "{%0,%1,%2,%3};"
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
    else
        // has_tensor_cores says so before
        __trap();
#endif
}

/// B [16, 8] of a matrix in shared memory whose neighbours lie in rows: element (r, c) is tile[r *
/// row_step + c]. Rows begin at multiples of 16 bytes.
template <class T>
__device__ void load_rows(unsigned (&b)[2], const T* tile, int row_step) {
#if defined(__CUDACC__)
    // the first sixteen lanes say where the rows are
    const int lane = static_cast<int>(threadIdx.x) % 16;
    const auto address = static_cast<unsigned>(__cvta_generic_to_shared(tile + lane * row_step));
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(b[0]), "=r"(b[1])
                 : "r"(address));
#else
    const Lane lane;
    for (int half = 0; half < 2; ++half) {
        const T* first = tile + (lane.pair + 8 * half) * row_step + lane.row;
        b[half] = both(Pair<T>{{first[0], first[row_step]}});
    }
#endif
}

template <class T>
__global__ void nothing_kernel() {}

/// The compute capability that a kernel of the type was compiled for. A newer GPU may run it, too,
/// but not as if it had been compiled for that one.
template <class T>
int compiled_for() {
    static const int version = [] {
        cudaFuncAttributes attributes;
        check(cudaFuncGetAttributes(&attributes, nothing_kernel<T>));
        return attributes.ptxVersion;
    }();
    return version;
}

/// Whether tensor cores know the type: this GPU's, and those that the program was compiled for.
template <class T>
bool has_tensor_cores() {
    if constexpr (std::is_same_v<T, float>) return false;
    return compiled_for<T>() >= (std::is_same_v<T, __half> ? 75 : 80);
}

}  // namespace ldm::cuda
