#include "chapters/05_resblock/variants/gpu.h"
#include "chapters/05_resblock/variants/gpu_conv.cuh"

namespace ldm::resblock::variants::gpu {
namespace {

// rows and columns of a tile
constexpr int tile_size = 16;

//! [implicit]
/// y [O, H W] = weights [O, 9 C] columns [9 C, H W], for picture blockIdx.z.
__global__ void implicit_gemm_kernel(Conv conv, float* y) {
    __shared__ float tile_w[tile_size][tile_size], tile_p[tile_size][tile_size];
    const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y),
              n = static_cast<int>(blockIdx.z);
    const int o = static_cast<int>(blockIdx.y) * tile_size + ty,
              p = static_cast<int>(blockIdx.x) * tile_size + tx;
    const int terms = conv.terms(), pixels = conv.pixels();

    float sum = 0.0f;
    for (int first = 0; first < terms; first += tile_size) {
        tile_w[ty][tx] = o < conv.out && first + tx < terms
                             ? conv.weight[static_cast<std::int64_t>(o) * terms + first + tx]
                             : 0.0f;
        // im2col reads its table here
        tile_p[ty][tx] = p < pixels && first + ty < terms ? conv.column(n, first + ty, p) : 0.0f;
        // both tiles are loaded
        __syncthreads();
        for (int k = 0; k < tile_size; ++k) sum += tile_w[ty][k] * tile_p[k][tx];
        // all threads have read the tiles
        __syncthreads();
    }
    if (o < conv.out && p < pixels) y[conv.place(n, o, p)] = sum + conv.bias[o];
}
//! [implicit]

}  // namespace

Tensor conv_implicit_gemm(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const Conv conv(x, weight, bias);
    Tensor y = room_for_result(conv);
    const dim3 tiles(cuda::pieces(conv.pixels(), tile_size), cuda::pieces(conv.out, tile_size),
                     static_cast<unsigned>(conv.pictures));
    cuda::launch(implicit_gemm_kernel, tiles, dim3(tile_size, tile_size), conv,
                 cuda::numbers<float>(y));
    return y;
}

}  // namespace ldm::resblock::variants::gpu
