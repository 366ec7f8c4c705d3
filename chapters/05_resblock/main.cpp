#include <fmt/format.h>

#include <numeric>

#include "chapters/01_ddpm/forward_process.h"
#include "chapters/02_vae/autoencoder.h"
#include "chapters/05_resblock/figures.h"
#include "chapters/05_resblock/variants/benchmark.h"
#include "common/figures/tensor_picture.h"
#include "common/image/example_pictures.h"
#include "common/ops/elementwise.h"
#include "common/ops/transfer.h"
#include "common/random/torch_random.h"
#include "common/report/chapter_program.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

using namespace ldm;

namespace {

constexpr int noise_time = 300;

/// The latent of a picture that ships with the model, with the noise of time `t`.
Tensor noisy_latent(const nn::ModelSource& model, const image::Image& picture, int t,
                    std::uint64_t seed) {
    const vae::AutoencoderKL autoencoder = vae::load_autoencoder(model);
    const Tensor x = ops::to(image::to_tensor(picture), model.device());
    const Tensor mean = autoencoder.encode(x).mode();
    const Tensor latent = io::get<float>(model.config(), "scale_factor") * mean;
    const ddpm::Schedule schedule({.timesteps = io::get<int>(model.config(), "timesteps"),
                                   .linear_start = io::get<double>(model.config(), "linear_start"),
                                   .linear_end = io::get<double>(model.config(), "linear_end")});
    Tensor noise(latent.shape());
    random::TorchGenerator(seed).normal(noise.values());
    noise = ops::to(noise, model.device());
    return ddpm::q_sample(schedule, latent, ddpm::same_step(latent, t), noise);
}

Tensor all_times(int count) {
    std::vector<std::int32_t> times(count);
    std::iota(times.begin(), times.end(), 0);
    return Tensor::ints({count}, times);
}

void show_first_block(const report::ChapterArguments& arguments) {
    const nn::ModelSource model = nn::open_folder(arguments.model, arguments.device);
    const resblock::FirstBlock block(model);
    const auto example = image::choose_examples(arguments.model, {"grinning_cat"}).front();
    const Tensor features =
        block.features(noisy_latent(model, example.picture, noise_time, arguments.seed));
    model.check();

    const auto comparison =
        resblock::compare_times(block, features, noise_time, {0, 150, 300, 450, 700, 999});
    const double residual = resblock::length(comparison.at_truth.residual);
    fmt::print(
        "'{}' with the noise of t = {}, in the UNet's first ResBlock.\n"
        "The residual is {:.2f} times as long as what it corrects.\n\n",
        example.caption, noise_time, residual / resblock::length(comparison.at_truth.x));

    report::Table table({"conditioned on t", "residual changes by"});
    for (std::size_t i = 0; i < comparison.times.size(); ++i) {
        const Tensor change = comparison.at_times[i].residual - comparison.at_truth.residual;
        table.add({fmt::format("{}", comparison.times[i]),
                   fmt::format("{:.1f} %", 100 * resblock::length(change) / residual)});
    }
    fmt::print("{}\n", table.text());

    const auto channels = resblock::strongest_channels(comparison.at_truth.residual, 8);
    arguments.save("05_resblock.png", resblock::stages_figure(comparison.at_truth, channels));
    arguments.save("05_resblock_time.png", resblock::time_comparison_figure(comparison));
    const Tensor times = ops::to(all_times(1000), model.device());
    arguments.save("05_resblock_shift.png", resblock::time_shift_figure(block.time_shift(times)));
}

void benchmark_variants(int side, std::uint64_t seed) {
    namespace variants = resblock::variants;
    if (const auto table = variants::benchmark_norms_on_gpu(side, seed))
        fmt::print("\nGroupNorm and SiLU on the GPU, 2 x 320 channels of {0} x {0}:\n{1}", side,
                   table->text());
    if (const auto table = variants::benchmark_convolutions_on_gpu(side, seed))
        fmt::print("\nA convolution of them to 320 channels:\n{}", table->text());
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    int side = 64;
    return report::ChapterProgram("05_resblock",
                                  "What a ResBlock does to a picture, and what the time changes.")
        .option("--side", side, "pictures of the GPU benchmark; SD 1.5 at 512x512 begins with 64")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            if (side < 1 || side > 512)
                throw Error(fmt::format("--side: expected 1 to 512, got {}", side));
            show_first_block(arguments);
            benchmark_variants(side, arguments.seed);
        });
}
