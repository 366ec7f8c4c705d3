// Times single ops at the sizes of Stable Diffusion 1.5 (512x512):
//     cmake --build --preset cpu --target ops_bench && build/cpu/bin/ops_bench
// The column FLOP/s counts as ops::FlopCounter does: a multiply-add is two.

#include <benchmark/benchmark.h>

#include "common/ops/attention.h"
#include "common/ops/conv2d.h"
#include "common/ops/elementwise.h"
#include "common/ops/flop_counter.h"
#include "common/ops/matmul.h"
#include "common/ops/norm.h"
#include "common/ops/shape.h"

using namespace ldm;

namespace {

/// Runs work() for as long as the benchmark wants and reports its FLOPs, or the bytes it has to
/// read and write where none are counted.
template <class Work>
void measure(benchmark::State& state, const Tensor& x, const Work& work) {
    double flops = 0.0;
    {
        const ops::FlopCounter counter;
        benchmark::DoNotOptimize(work());
        flops = counter.flops();
    }
    for (auto _ : state) benchmark::DoNotOptimize(work());
    using benchmark::Counter;
    if (flops > 0.0)
        state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
    else
        state.SetBytesProcessed(state.iterations() * 2 * x.size() * sizeof(float));
}

Tensor ones(Shape shape) { return Tensor::full(std::move(shape), 1.0f); }

void conv2d(benchmark::State& state) {
    const std::int64_t in = state.range(0), out = state.range(1), size = state.range(2),
                       kernel = state.range(3);
    const Tensor x = ones({1, in, size, size}), weight = ones({out, in, kernel, kernel}),
                 bias = ones({out});
    const ops::Conv2dOptions options{.stride = 1,
                                     .padding = ops::Padding::all(static_cast<int>(kernel / 2))};
    measure(state, x, [&] { return ops::conv2d(x, weight, bias, options); });
}

void linear(benchmark::State& state) {
    const Tensor x = ones({state.range(0), state.range(1)}),
                 weight = ones({state.range(2), state.range(1)});
    measure(state, x, [&] { return ops::linear(x, weight); });
}

void attention(benchmark::State& state) {
    const Tensor q = ones({1, state.range(0), state.range(1), state.range(3)});
    const Tensor k = ones({1, state.range(0), state.range(2), state.range(3)});
    measure(state, q, [&] { return ops::scaled_dot_product_attention(q, k, k); });
}

void group_norm(benchmark::State& state) {
    const Tensor x = ones({1, state.range(0), state.range(1), state.range(1)}),
                 scale = ones({state.range(0)});
    measure(state, x, [&] { return ops::group_norm(x, 32, scale, scale, 1e-5f); });
}

void group_norm_silu(benchmark::State& state) {
    const Tensor x = ones({1, state.range(0), state.range(1), state.range(1)}),
                 scale = ones({state.range(0)});
    measure(state, x, [&] { return ops::group_norm_silu(x, 32, scale, scale, 1e-5f); });
}

void silu(benchmark::State& state) {
    const Tensor x = ones({state.range(0)});
    measure(state, x, [&] { return ops::silu(x); });
}

void gelu(benchmark::State& state) {
    const Tensor x = ones({state.range(0)});
    measure(state, x, [&] { return ops::gelu(x); });
}

void add(benchmark::State& state) {
    const Tensor x = ones({state.range(0)});
    measure(state, x, [&] { return x + x; });
}

void tokens(benchmark::State& state) {
    const Tensor x = ones({1, state.range(0), state.range(1)});
    measure(state, x, [&] { return ops::permute(x, {0, 2, 1}); });
}

}  // namespace

BENCHMARK(conv2d)
    ->ArgNames({"in", "out", "size", "kernel"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({320, 320, 64, 3})
    ->Args({960, 320, 64, 3})
    ->Args({640, 640, 32, 3})
    ->Args({1280, 1280, 16, 3})
    ->Args({1280, 1280, 8, 3})
    ->Args({320, 320, 64, 1})
    ->Args({4, 320, 64, 3})
    ->Args({320, 4, 64, 3})
    ->Args({512, 512, 128, 3})
    ->Args({256, 256, 256, 3})
    ->Args({128, 128, 512, 3});
BENCHMARK(linear)
    ->ArgNames({"rows", "in", "out"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({4096, 320, 2560})
    ->Args({4096, 1280, 320})
    ->Args({1024, 640, 5120})
    ->Args({77, 768, 768})
    ->Args({1, 1280, 320});
BENCHMARK(attention)
    ->ArgNames({"heads", "queries", "keys", "width"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({8, 4096, 4096, 40})
    ->Args({8, 1024, 1024, 80})
    ->Args({8, 4096, 77, 40})
    ->Args({1, 4096, 4096, 512});
BENCHMARK(group_norm)
    ->ArgNames({"channels", "size"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({320, 64})
    ->Args({128, 512});
BENCHMARK(group_norm_silu)
    ->ArgNames({"channels", "size"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({320, 64})
    ->Args({128, 512});
BENCHMARK(silu)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Arg(320 * 64 * 64)
    ->Arg(128 * 512 * 512);
BENCHMARK(gelu)->UseRealTime()->Unit(benchmark::kMillisecond)->Arg(4096 * 1280);
BENCHMARK(add)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Arg(320 * 64 * 64)
    ->Arg(128 * 512 * 512);
BENCHMARK(tokens)
    ->ArgNames({"channels", "pixels"})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({320, 4096});
BENCHMARK_MAIN();
