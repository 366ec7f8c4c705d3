#include "chapters/04_attention/variants/benchmark.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "chapters/04_attention/variants/gpu.h"
#include "chapters/04_attention/variants/tile.h"
#include "chapters/04_attention/variants/variants.h"
#include "common/device/build.h"
#include "common/device/cuda_device.h"
#include "common/ops/attention.h"
#include "common/ops/cudnn_use.h"
#include "common/ops/reference/reference.h"
#include "common/random/torch_random.h"
#include "common/report/gpu_timing.h"

namespace ldm::attention::variants {
namespace {

Tensor as_head(const Tensor& x) { return x.reshape({1, 1, x.dim(0), x.dim(1)}); }

Tensor shipped(const Tensor& q, const Tensor& k, const Tensor& v) {
    const Tensor y = ops::scaled_dot_product_attention(as_head(q), as_head(k), as_head(v));
    return y.reshape({q.dim(0), v.dim(1)});
}

struct Variant {
    const char* name;
    Tensor (*run)(const Tensor& q, const Tensor& k, const Tensor& v);
    // how many scores are in memory at a time
    std::int64_t (*scores)(std::int64_t tokens);
};

constexpr Variant variants_table[] = {
    {"naive", naive, [](std::int64_t tokens) { return tokens * tokens; }},
    {"tiled", tiled, [](std::int64_t tokens) { return tile_queries * tokens; }},
    {"online softmax", online_softmax, [](std::int64_t) { return tile_keys; }},
    {"common/ops", shipped, nullptr},
};

/// Processor time in milliseconds, the best of three: what else the machine does only ever adds.
template <typename Work>
double milliseconds(const Work& work) {
    double best = INFINITY;
    for (int i = 0; i < 3; ++i) {
        const std::clock_t start = std::clock();
        work();
        best = std::min(best, 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    return best;
}

class OneThread {
public:
    OneThread() : previous_(omp_get_max_threads()) { omp_set_num_threads(1); }
    ~OneThread() { omp_set_num_threads(previous_); }

private:
    int previous_;
};

/// Three random operands [tokens, width] of a head, and what attention over them is defined to be.
struct Task {
    Tensor q, k, v, truth;
    double gflop;

    Task(std::int64_t tokens, std::int64_t width, random::TorchGenerator& generator)
        : gflop(4e-9 * static_cast<double>(tokens * tokens * width)) {
        for (Tensor* x : {&q, &k, &v}) {
            *x = Tensor({tokens, width});
            generator.normal(x->values());
        }
        truth =
            ops::reference::attention(as_head(q), as_head(k), as_head(v), {}).reshape(v.shape());
    }
};

/// "1024 | tiled | 12.3 | 45.6", to which each benchmark adds its own.
std::vector<std::string> row_of(const Task& task, const char* name, double milliseconds) {
    return {fmt::format("{}", task.q.dim(0)), name, fmt::format("{:.3g}", milliseconds),
            fmt::format("{:.1f}", task.gflop / milliseconds * 1e3)};
}

std::string memory_of_scores(const Variant& variant, std::int64_t tokens) {
    if (!variant.scores) return "-";
    const auto bytes = variant.scores(tokens) * static_cast<std::int64_t>(sizeof(float));
    return bytes < 1024 ? fmt::format("{} B", bytes) : fmt::format("{} KiB", bytes / 1024);
}

}  // namespace

report::Table benchmark(const std::vector<std::int64_t>& sizes, std::int64_t width,
                        std::uint64_t seed) {
    const OneThread fair;
    random::TorchGenerator generator(seed);
    report::Table table({"tokens", "variant", "ms", "GFLOP/s", "scores in memory", "error"});
    for (const std::int64_t tokens : sizes) {
        const Task task(tokens, width, generator);
        for (const Variant& variant : variants_table) {
            Tensor y;
            const double time = milliseconds([&] { y = variant.run(task.q, task.k, task.v); });
            auto row = row_of(task, variant.name, time);
            row.push_back(memory_of_scores(variant, tokens));
            row.push_back(fmt::format("{:.0e}", report::largest_error(y, task.truth)));
            table.add(row);
        }
    }
    return table;
}

std::optional<report::Table> benchmark_on_gpu(const std::vector<std::int64_t>& sizes,
                                              std::int64_t width, std::uint64_t seed) {
    if constexpr (build::has_cuda) {
        if (!cuda::why_unusable().empty()) return std::nullopt;
        random::TorchGenerator generator(seed);
        report::Table table({"tokens", "variant", "ms", "GFLOP/s", "error"});
        for (const std::int64_t tokens : sizes) {
            const Task task(tokens, width, generator);
            const auto timed = [&](const char* name, auto run, DType dtype) {
                const auto [time, error] =
                    report::time_on_gpu([&](const auto& in) { return run(in[0], in[1], in[2]); },
                                        {task.q, task.k, task.v}, dtype, task.truth);
                auto row = row_of(task, name, time);
                row.push_back(fmt::format("{:.0e}", error));
                return row;
            };
            table.add(timed("naive", gpu::naive, DType::f32));
            table.add(timed("tiled", gpu::tiled, DType::f32));
            table.add(timed("online softmax", gpu::online_softmax, DType::f32));
            table.add(timed("common/ops", shipped, DType::f32));
            table.add(timed("common/ops, tensor cores", shipped, DType::f16));
            if (build::has_cudnn) {
                const ops::WithCudnn cudnn({.attention = true});
                const std::int64_t before = ops::through_cudnn().attention;
                const auto row = timed("cuDNN", shipped, DType::f16);
                // or it was our own once more
                if (ops::through_cudnn().attention > before) table.add(row);
            }
        }
        return table;
    }
    return std::nullopt;
}

}  // namespace ldm::attention::variants
