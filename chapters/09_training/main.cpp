#include <fmt/format.h>

#include <chrono>

#include "chapters/09_training/run/curve.h"
#include "chapters/09_training/trainers/autoencoder_trainer.h"
#include "chapters/09_training/trainers/step_noise.h"
#include "common/figures/sheet.h"
#include "common/figures/tensor_picture.h"
#include "common/image/example_pictures.h"
#include "common/image/resize.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/report/chapter_program.h"
#include "common/report/progress.h"
#include "common/report/spinning.h"

/// Trains a small autoencoder from scratch, in some ten seconds, and shows its reconstructions
/// after a few, some and many steps, and with the exponential moving average of its weights.

using namespace ldm;

namespace {

// of the pictures: a quarter of the emojis' pixels
constexpr int size = 32;
// pictures of a step
constexpr int at_once = 8;

/// As chapters/09_training/emoji/autoencoder.json, but small, and without discriminator.
io::Json settings(int steps) {
    return {{"steps", steps},
            {"batch_size", at_once},
            {"learning_rate", 3e-3},
            {"optimizer", {{"name", "muon"}}},
            {"ema_decay", 0.9},
            {"data", {{"size", size}}},
            {"first_stage_config",
             {{"embed_dim", 4},
              {"ddconfig",
               {{"double_z", true},
                {"z_channels", 4},
                {"resolution", size},
                {"in_channels", 3},
                {"out_ch", 3},
                {"ch", 32},
                {"ch_mult", {1, 1}},
                {"num_res_blocks", 1},
                {"attn_resolutions", io::Json::array()}}}}},
            {"loss",
             {{"kl_weight", 1e-6},
              {"perceptual_weight", 0},
              {"disc_start", 1 << 30},
              {"idle_before_start", true}}}};
}

/// The model's examples, small: [N, 3, size, size].
Tensor examples(const std::filesystem::path& model) {
    std::vector<image::Image> pictures;
    for (const image::Example& example : image::example_pictures(model))
        pictures.push_back(image::resize(example.picture, size, size, image::Filter::area));
    return image::to_tensor(pictures);
}

/// Pictures first, first + 1, … of x, and from the beginning again behind the last.
Tensor some_of(const Tensor& x, std::int64_t first) {
    std::vector<Tensor> some;
    for (std::int64_t i = first; i < first + at_once; ++i)
        some.push_back(ops::slice(x, 0, i % x.dim(0), i % x.dim(0) + 1));
    return ops::concat(some, 0);
}

void add_row(std::vector<figures::Tile>& tiles, const Tensor& pictures) {
    for (std::int64_t i = 0; i < at_once; ++i) tiles.push_back({image::to_image(pictures, i)});
}

void run(const report::ChapterArguments& arguments, int steps) {
    const Tensor pictures = examples(arguments.model), shown = some_of(pictures, 0);
    const io::Json json = settings(steps);
    auto config = train::read_training_config(json, train::AutoencoderTrainer::own_keys());
    config.device = arguments.device;
    train::AutoencoderTrainer trainer(json, config, {}, shown);

    std::filesystem::create_directories(arguments.output);
    train::Curve curve(arguments.output / "09_training_curve.csv", trainer.columns());
    std::vector<figures::Tile> tiles;
    std::vector<std::string> labels = {"picture"};
    add_row(tiles, shown);
    report::Progress progress("training", steps);
    const auto start = std::chrono::steady_clock::now();
    for (int step = 0; step < steps; ++step) {
        const Tensor batch = ops::to(some_of(pictures, step * at_once), config.device);
        random::TorchGenerator random = train::step_noise(arguments.seed, step);
        const Tensor noise = train::normal(random, trainer.latent_shape(batch), config.device);
        const auto result = trainer.step_on(step, {&batch, 1}, {&noise, 1}, config.learning_rate);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        curve.add({step + 1, seconds.count(), (step + 1) * at_once, config.learning_rate,
                   result.loss, result.extras});
        progress.step();
        if (step + 1 == steps / 16 || step + 1 == steps / 4 || step + 1 == steps) {
            add_row(tiles, trainer.reconstruct(shown));
            labels.push_back(fmt::format("step {}", step + 1));
        }
    }
    add_row(tiles, trainer.reconstruct_with_ema(shown));
    labels.push_back("averaged weights (EMA)");

    const auto decibels = curve.column("psnr");
    fmt::print("{} steps of {} pictures: from {:.1f} to {:.1f} dB in {:.0f} s\n", steps, at_once,
               decibels.front(), decibels.back(), curve.points().back().seconds);
    arguments.save(
        "09_training.png",
        figures::sheet(
            tiles,
            {.title = "Training an autoencoder from random weights: its reconstructions",
             .caption = "Large areas and colours are learned first, edges and fine lines last. The "
                        "last row uses the moving average of the weights, without the noise of "
                        "the last steps.",
             .columns = at_once,
             .tile_size = 96,
             .gap = 10,
             .row_labels = labels}));
    arguments.save("09_training_curve.png",
                   draw_curve(curve, {.title = "Training loss of the autoencoder", .window = 8}));
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    int steps = 80;
    return report::ChapterProgram(
               "09_training",
               "Trains a small autoencoder from scratch, and shows how it gets better.")
        .option("--steps", steps, "How long to train; at least 16")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            if (steps < 16) throw Error("--steps must be at least 16");
            run(arguments, steps);
        });
}
