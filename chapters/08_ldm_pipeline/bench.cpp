#include "chapters/08_ldm_pipeline/bench.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>
#include <functional>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/03_clip/text_encoder.h"
#include "chapters/07_unet/unet_model.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/08_ldm_pipeline/model_spec.h"
#include "common/device/build.h"
#include "common/device/cuda_device.h"
#include "common/ops/cuda_graph_callable.h"
#include "common/ops/flop_counter.h"
#include "common/ops/matmul.h"
#include "common/ops/transfer.h"
#include "common/random/procgen.h"

namespace ldm::pipeline {
namespace {

/// The largest memory of this process, or of its tensors on a GPU, since the last call of
/// forget_peak_memory(), in MiB.
double peak_memory_mib(Device device) {
    if constexpr (build::has_cuda)
        if (device == Device::cuda) return static_cast<double>(cuda::memory_use().peak) / (1 << 20);
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024.0;
    // not Linux
    return 0.0;
}

void forget_peak_memory(Device device) {
    if constexpr (build::has_cuda)
        if (device == Device::cuda) return cuda::forget_memory_peak();
    std::ofstream("/proc/self/clear_refs") << 5;
}

/// Time on the clock, and time of the processor added up over threads: the latter says what the
/// work costs on a machine that has other work too.
struct Times {
    double wall, cpu;
};

Times time_once(Device device, const std::function<void()>& work) {
    if constexpr (build::has_cuda)
        if (device == Device::cuda) return {cuda::seconds(work), 0.0};
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    work();
    return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
            static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC};
}

double median(std::vector<double> values) {
    std::ranges::nth_element(values, values.begin() + values.size() / 2);
    return values[values.size() / 2];
}

Times median_times(Device device, int repeats, const std::function<void()>& work) {
    std::vector<double> wall, cpu;
    for (int i = 0; i < std::max(repeats, 1); ++i) {
        const Times times = time_once(device, work);
        wall.push_back(times.wall);
        cpu.push_back(times.cpu);
    }
    return {median(wall), median(cpu)};
}

Tensor moved_to(const Tensor& x, const BenchOptions& options) {
    return ops::to(ops::to(x, options.device), options.dtype);
}

/// A square product as large as the larger ones of the UNet (on a GPU larger, or it would not be
/// busy), the best of some.
double sgemm_gflops(const BenchOptions& options) {
    const std::int64_t n = options.device == Device::cuda ? 8192 : 1536;
    const Tensor a = moved_to(recipe_numbers("a", {n, n}, 0.0, 1.0), options),
                 b = moved_to(recipe_numbers("b", {n, n}, 0.0, 1.0), options);
    double best = 1e9;
    for (int i = 0; i < 10; ++i)
        best = std::min(
            best, time_once(options.device, [&] { static_cast<void>(ops::linear(a, b)); }).wall);
    return 2.0 * n * n * n / best * 1e-9;
}

io::Json time_part(const std::string& part, const BenchOptions& options) {
    const ModelSpec spec = spec_from_settings(sd1_settings(), sd1);
    const int latent = options.size / 8;
    const Tensor z =
        moved_to(recipe_numbers("z", {options.batch, 4, latent, latent}, 0.0, 1.0), options);
    forget_peak_memory(options.device);

    nn::Checkpoint checkpoint;
    checkpoint.use({options.device, options.dtype});
    checkpoint.add_fallback(recipe_weights);
    std::function<void()> run;
    if (part == "clip") {
        run = [model = clip::TextEncoder(checkpoint.root(), clip::TextEncoder::Config::from_json(
                                                                spec.text_tower.value().settings)),
               ids = Tensor::ints({1, 77}, std::vector<std::int32_t>(77, 1000))] { model(ids); };
    } else if (part == "unet") {
        auto step = std::make_shared<ops::CudaGraphCallable>(
            [model = std::make_shared<unet::UNetModel>(checkpoint.root(), spec.unet)](
                const std::vector<Tensor>& in) { return (*model)(in[0], in[1], in[2]); });
        run = [step, z, t = ops::to(Tensor::full({options.batch}, 500.0f), options.device),
               words = moved_to(recipe_numbers("c", {options.batch, 77, 768}, 0.0, 1.0), options)] {
            (*step)({z, t, words});
        };
    } else {
        run = [model = std::make_shared<vae::LatentDecoder>(
                   checkpoint.root(), spec.first_stage.ddconfig, spec.first_stage.embed_dim),
               z] { (*model)(z); };
    }

    const ops::FlopCounter counter;
    run();
    const double gflop = counter.flops() * 1e-9;
    // once more, for what is only done the second time
    if (options.device == Device::cuda) run();
    const Times time = median_times(options.device, options.repeats, run);
    return {{"part", part},
            {"seconds", time.wall},
            {"cpu_seconds", time.cpu},
            {"gflop", gflop},
            {"gflops", gflop / time.wall},
            {"peak_memory_mb", peak_memory_mib(options.device)}};
}

void expect_known_parts(const std::vector<std::string>& parts) {
    for (const std::string& part : parts)
        if (part != "clip" && part != "unet" && part != "vae")
            throw Error(fmt::format("no part '{}' to time; there are clip, unet, vae", part));
}

}  // namespace

Tensor recipe_numbers(const std::string& name, const Shape& shape, double mean, double std) {
    Tensor x(shape);
    random::procgen_fill(name, 1, mean, std, x.values());
    return x;
}

Tensor recipe_weights(const std::string& name, const Shape& shape) {
    if (shape.size() < 2)
        return recipe_numbers(name, shape, name.ends_with("weight") ? 1.0 : 0.0, 0.02);
    return recipe_numbers(name, shape, 0.0, std::sqrt(double(shape[0]) / element_count(shape)));
}

io::Json bench(const BenchOptions& options) {
    expect_known_parts(options.parts);
    if (options.size <= 0 || options.size % 64 != 0)
        fail(fmt::format("the size of the picture is a multiple of 64, not {}", options.size));
    expect_usable(options.device);
    if (options.device == Device::cpu && options.dtype != DType::f32)
        throw Error("on the cpu there is no type but f32");
    if (options.threads > 0) omp_set_num_threads(options.threads);
    const double sgemm = sgemm_gflops(options);
    const ops::WithPrecision precision(options.precision);
    const ops::WithCudnn cudnn(options.cudnn);
    io::Json parts = io::Json::array();
    for (const std::string& part : options.parts) {
        const ops::CudnnCount before = ops::through_cudnn();
        io::Json timed = time_part(part, options);
        timed["convolutions_through_cudnn"] = ops::through_cudnn().conv2d - before.conv2d;
        timed["attentions_through_cudnn"] = ops::through_cudnn().attention - before.attention;
        timed["share_of_sgemm"] = timed["gflops"].get<double>() / sgemm;
        parts.push_back(timed);
    }
    return {{"device", describe(options.device)},
            {"dtype", name_of(options.dtype)},
            {"cudnn", ops::name_of(options.cudnn)},
            {"batch", options.batch},
            {"threads", omp_get_max_threads()},
            {"precision", ops::name_of(ops::precision(options.device))},
            {"size", options.size},
            {"repeats", options.repeats},
            {"sgemm_gflops", sgemm},
            {"parts", parts}};
}

std::string bench_table(const io::Json& report) {
    std::string text =
        fmt::format("{}, {}, products {}, batch {}, sgemm {:.0f} GFLOP/s, median of {}\n\n",
                    report["device"].get<std::string>(), report["dtype"].get<std::string>(),
                    report["precision"].get<std::string>(), report["batch"].get<int>(),
                    report["sgemm_gflops"].get<double>(), report["repeats"].get<int>());
    text += fmt::format("{:<6} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "", "seconds",
                        "of CPU", "GFLOP", "GFLOP/s", "of sgemm", "peak MiB");
    for (const io::Json& part : report["parts"])
        text +=
            fmt::format("{:<6} {:>10.3f} {:>10.3f} {:>10.1f} {:>10.1f} {:>9.0f}% {:>10.0f}\n",
                        part["part"].get<std::string>(), part["seconds"].get<double>(),
                        part["cpu_seconds"].get<double>(), part["gflop"].get<double>(),
                        part["gflops"].get<double>(), 100 * part["share_of_sgemm"].get<double>(),
                        part["peak_memory_mb"].get<double>());
    return text;
}

}  // namespace ldm::pipeline
