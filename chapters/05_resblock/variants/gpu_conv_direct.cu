#include "chapters/05_resblock/variants/gpu.h"
#include "chapters/05_resblock/variants/gpu_conv.cuh"

namespace ldm::resblock::variants::gpu {
namespace {

constexpr int threads = 128;

__global__ void direct_kernel(Conv conv, float* y) {
    const int p = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int o = static_cast<int>(blockIdx.y), n = static_cast<int>(blockIdx.z);
    if (p >= conv.pixels()) return;
    const int i = p / conv.width, j = p % conv.width;
    const float* weight = conv.weight + static_cast<std::int64_t>(o) * conv.terms();
    float sum = conv.bias[o];
    for (int c = 0; c < conv.channels; ++c)
        for (int u = 0; u < kernel_side; ++u)
            for (int v = 0; v < kernel_side; ++v)
                sum +=
                    weight[c * taps + u * kernel_side + v] * conv.pixel(n, c, i + u - 1, j + v - 1);
    y[conv.place(n, o, p)] = sum;
}

}  // namespace

Tensor conv_direct(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const Conv conv(x, weight, bias);
    Tensor y = room_for_result(conv);
    const dim3 blocks(cuda::pieces(conv.pixels(), threads), static_cast<unsigned>(conv.out),
                      static_cast<unsigned>(conv.pictures));
    cuda::launch(direct_kernel, blocks, dim3(threads), conv, cuda::numbers<float>(y));
    return y;
}

}  // namespace ldm::resblock::variants::gpu
