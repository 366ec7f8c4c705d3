#include "chapters/05_resblock/variants/benchmark.h"

#include <fmt/format.h>

#include <cmath>

#include "chapters/05_resblock/variants/gpu.h"
#include "common/device/build.h"
#include "common/device/cuda_device.h"
#include "common/ops/compute_context.h"
#include "common/ops/conv2d.h"
#include "common/ops/cuda/conv2d_cudnn.h"
#include "common/ops/cudnn_use.h"
#include "common/ops/elementwise.h"
#include "common/ops/norm.h"
#include "common/ops/transfer.h"
#include "common/random/torch_random.h"
#include "common/report/gpu_timing.h"

namespace ldm::resblock::variants {
namespace {

constexpr std::int64_t pictures = 2, channels = 320;
constexpr int groups = 32;
constexpr float eps = 1e-5f;

bool there_is_a_gpu() {
    if constexpr (build::has_cuda) return cuda::why_unusable().empty();
    return false;
}

Tensor noise(const Shape& shape, random::TorchGenerator& generator, double size = 1.0) {
    Tensor x(shape);
    generator.normal(x.values());
    return x * static_cast<float>(size);
}

constexpr ops::Conv2dOptions same_size{.padding = ops::Padding::all(1)};

Tensor shipped_convolution(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const ops::WithCudnn without({.conv2d = false});
    return ops::conv2d(x, weight, bias, same_size);
}

/// Nothing where cuDNN has no way to do it.
[[maybe_unused]] Tensor cudnn_convolution(const Tensor& x, const Tensor& weight,
                                          const Tensor& bias) {
    if constexpr (build::has_cudnn)
        return ops::cuda::cudnn_conv2d(x, weight, bias, same_size, ops::compute_context());
    return {};
}

[[maybe_unused]] Tensor in_16_bits_there(const Tensor& x) {
    return ops::to(ops::to(x, Device::cuda), DType::f16);
}

}  // namespace

std::optional<report::Table> benchmark_norms_on_gpu(std::int64_t side, std::uint64_t seed) {
    if (!there_is_a_gpu()) return std::nullopt;
    report::Table table({"variant", "ms", "reads", "writes", "GB/s", "error"});
    if constexpr (build::has_cuda) {
        random::TorchGenerator generator(seed);
        const Tensor x = noise({pictures, channels, side, side}, generator);
        const Tensor weight = noise({channels}, generator), bias = noise({channels}, generator);
        const Tensor expected = ops::group_norm_silu(x, groups, weight, bias, eps);
        const auto run = [&](const char* name, auto step, int reads, int writes) {
            const auto [ms, error] = report::time_on_gpu(
                [&](const auto& in) { return step(in[0], groups, in[1], in[2], eps); },
                {x, weight, bias}, DType::f32, expected);
            const double bytes = static_cast<double>(x.size() * sizeof(float)) * (reads + writes);
            table.add({name, fmt::format("{:.3g}", ms), fmt::format("{}", reads),
                       fmt::format("{}", writes), fmt::format("{:.0f}", 1e-6 * bytes / ms),
                       fmt::format("{:.0e}", error)});
        };
        run("naive", gpu::norm_naive, 4, 2);
        run("block per group", gpu::norm_block_per_group, 4, 2);
        run("fused", gpu::norm_fused, 3, 1);
        run("common/ops", ops::group_norm_silu, 2, 1);
    }
    return table;
}

std::optional<report::Table> benchmark_convolutions_on_gpu(std::int64_t side, std::uint64_t seed) {
    if (!there_is_a_gpu()) return std::nullopt;
    report::Table table({"variant", "ms", "TFLOP/s", "error"});
    if constexpr (build::has_cuda) {
        random::TorchGenerator generator(seed);
        // products in the sum of one output pixel
        const double terms = 9.0 * channels;
        const Tensor x = noise({pictures, channels, side, side}, generator);
        const Tensor weight = noise({channels, channels, 3, 3}, generator, 1.0 / std::sqrt(terms));
        const Tensor bias = noise({channels}, generator);
        const Tensor expected = shipped_convolution(x, weight, bias);
        const auto run = [&](const char* name, auto step, DType dtype) {
            const auto [ms, error] =
                report::time_on_gpu([&](const auto& in) { return step(in[0], in[1], in[2]); },
                                    {x, weight, bias}, dtype, expected);
            const double operations = 2.0 * terms * static_cast<double>(expected.size());
            table.add({name, fmt::format("{:.3g}", ms),
                       fmt::format("{:.3g}", 1e-9 * operations / ms),
                       fmt::format("{:.0e}", error)});
        };
        run("direct", gpu::conv_direct, DType::f32);
        run("im2col", gpu::conv_im2col, DType::f32);
        run("implicit GEMM", gpu::conv_implicit_gemm, DType::f32);
        run("common/ops", shipped_convolution, DType::f32);
        run("common/ops, tensor cores", shipped_convolution, DType::f16);
        if (cudnn_convolution(in_16_bits_there(x), in_16_bits_there(weight),
                              in_16_bits_there(bias)))
            run("cuDNN", cudnn_convolution, DType::f16);
    }
    return table;
}

}  // namespace ldm::resblock::variants
