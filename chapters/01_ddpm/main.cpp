#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "chapters/01_ddpm/figures.h"
#include "common/figures/tensor_picture.h"
#include "common/image/example_pictures.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/random/torch_random.h"
#include "common/report/chapter_program.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

namespace {

using namespace ldm;

constexpr std::array forward_times = {100, 300, 500, 999};
constexpr std::array half_way_times = {500, 340, 220, 100};
constexpr std::array all_times = {999, 830, 700, 400};

std::size_t index_of(const std::string& caption, const std::vector<image::Example>& examples) {
    std::string captions;
    for (std::size_t i = 0; i < examples.size(); ++i) {
        if (examples[i].caption == caption) return i;
        captions += fmt::format("{}'{}'", i ? ", " : "", examples[i].caption);
    }
    throw Error(fmt::format("--picture: expected one of {}, got '{}'", captions, caption));
}

/// What the denoiser predicted along the trajectory, in words.
void print_predictions(const ddpm::Trajectory& trajectory,
                       const std::vector<image::Example>& examples) {
    report::Table table({"t", "most likely x0", "probability"});
    for (std::size_t i = 0; i < trajectory.weights.size(); ++i) {
        const auto weights = trajectory.weights[i].values();
        const auto best = std::ranges::max_element(weights) - weights.begin();
        table.add({fmt::format("{}", all_times[i]), examples[best].caption,
                   fmt::format("{:.3f}", weights[best])});
    }
    fmt::print("Ancestral sampling from pure noise:\n{}\n", table.text());
}

figures::Canvas process_figure(const std::vector<image::Example>& examples, std::size_t picture,
                               const report::ChapterArguments& arguments) {
    // the schedule of Ho et al. (2020), which ends in almost pure noise
    const ddpm::Schedule schedule({.beta_schedule = "sqrt_linear"});
    std::vector<Tensor> pictures;
    for (const auto& example : examples)
        pictures.push_back(ops::to(image::to_tensor(example.picture), arguments.device));
    const ddpm::IdealDenoiser denoiser(schedule, ops::concat(pictures, 0));

    random::TorchGenerator generator(arguments.seed);
    const auto noise = [&](const Shape& shape) {
        Tensor z(shape);
        generator.normal(z.values());
        return ops::to(z, arguments.device);
    };
    std::vector<figures::Tile> tiles;
    const auto add_row = [&](const std::vector<figures::Tile>& row) {
        tiles.insert(tiles.end(), row.begin(), row.end());
    };

    const Tensor x0 = pictures[picture], eps = noise(x0.shape());
    add_row(ddpm::forward_process_strip(schedule, x0, eps, forward_times));
    const Tensor half_way =
        ddpm::q_sample(schedule, x0, ddpm::same_step(x0, half_way_times.front()), eps);
    add_row(ddpm::sample_trajectory(schedule, denoiser, half_way, half_way_times, noise).x_t);
    const auto trajectory =
        ddpm::sample_trajectory(schedule, denoiser, noise(x0.shape()), all_times, noise);
    add_row(trajectory.x_t);
    add_row(trajectory.pred_x0);
    print_predictions(trajectory, examples);
    return figures::sheet(
        tiles,
        {.title = "Forward process, and reverse process with the ideal denoiser",
         .caption = "Row 1 adds noise to a picture, row 2 takes it away again from t = 500. Row 3 "
                    "samples from pure noise; below it the predicted x₀, the mean of all pictures "
                    "under their posterior weights, with the largest weight: which picture it will "
                    "be is decided while xₜ still looks like noise.",
         .columns = static_cast<int>(forward_times.size()) + 1,
         .row_labels = {"forward process", "reverse process from t = 500",
                        "reverse process from noise", "predicted x₀"}});
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    std::string picture = "grinning cat";
    return report::ChapterProgram("01_ddpm", "Forward and reverse process with an ideal denoiser.")
        .option("--picture", picture, "which of the model's example pictures to add noise to")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            const auto examples = image::example_pictures(arguments.model);
            arguments.save("01_ddpm.png",
                           process_figure(examples, index_of(picture, examples), arguments));
            arguments.save("01_ddpm_schedules.png", ddpm::schedules_figure());
        });
}
