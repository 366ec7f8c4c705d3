#include <fmt/format.h>

#include <cmath>

#include "chapters/07_unet/layer_outputs.h"
#include "chapters/07_unet/noise_figure.h"
#include "common/figures/tensor_picture.h"
#include "common/image/example_pictures.h"
#include "common/nn/activation_snapshot.h"
#include "common/ops/transfer.h"
#include "common/random/torch_random.h"
#include "common/report/chapter_program.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

namespace {

using namespace ldm;

constexpr int times[] = {50, 250, 450, 650, 850};

/// How well the UNet predicts the noise, for the terminal.
std::string prediction_table(const std::vector<unet::NoisePrediction>& predictions) {
    report::Table table({"t", "RMSE of the noise", "variance explained"});
    for (const unet::NoisePrediction& prediction : predictions)
        table.add({fmt::format("{}", prediction.t), fmt::format("{:.3f}", prediction.error()),
                   fmt::format("{:.1f} %", 100 * (1 - prediction.error() * prediction.error()))});
    return table.text();
}

/// What chapters 04 and 06 look at: what stood in front of the transformers from the bottom of the
/// U upwards, and, inside of them, of the attention to the words.
void store_activations(const std::string& folder, const unet::UNetModel& unet, const Trace& trace,
                       nn::ActivationSnapshot snapshot) {
    const auto keep = [&](const std::string& name) {
        snapshot.tensors[name] = trace.find(unet.path() + "." + name);
    };
    const unet::Layout u = unet::layout(unet.config());
    std::vector<unet::Block> blocks{u.middle};
    blocks.insert(blocks.end(), u.output.begin(), u.output.end());
    for (const unet::Block& block : blocks)
        if (block.parts.size() > 1 && block.parts[1].kind == unet::Part::Kind::transformer) {
            keep(block.key + ".0");
            keep(block.key + ".1.transformer_blocks.0.norm2");
        }
    nn::write_activation_snapshot(folder, snapshot);
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    int example = 1, t = 400;
    std::string snapshot_folder;
    return report::ChapterProgram(
               "07_unet", "A noisy emoji goes through the UNet, which predicts the noise in it.")
        .option("--example", example, "which of the model's example pictures")
        .option("--time", t, "the time step: how noisy the picture is")
        .option("--store-snapshot", snapshot_folder,
                "a folder for activations.safetensors, which chapters 04 and 06 read")
        .run(argc, argv, [&](const report::ChapterArguments& arguments) {
            const nn::ModelSource model = nn::open_folder(arguments.model, arguments.device);
            const unet::NoisePredictor predictor(model);
            const auto examples = image::example_pictures(arguments.model);
            if (example < 0 || example >= std::ssize(examples))
                throw Error(fmt::format("--example: expected 0 to {}, got {}", examples.size() - 1,
                                        example));
            const auto& [caption, picture, slug] = examples[example];

            const Tensor z0 = predictor.encode(ops::to(image::to_tensor(picture), model.device()));
            const Tensor context = predictor.encode_caption(caption);
            Tensor noise(z0.shape());
            random::TorchGenerator(arguments.seed).normal(noise.values());
            noise = ops::to(noise, model.device());

            std::vector<unet::NoisePrediction> predictions;
            for (int time : times)
                predictions.push_back(predictor.predict(z0, time, noise, context));
            const Trace trace;
            const unet::NoisePrediction prediction = predictor.predict(z0, t, noise, context);
            const auto steps = unet::layer_outputs(predictor.unet(), trace);

            fmt::print("\"{}\" at t = {}: the output of every block:\n\n{}\n", caption, t,
                       unet::layer_outputs_table(steps));
            fmt::print(
                "How well the UNet predicts the noise (predicting 0 has an RMSE of 1):\n\n{}\n",
                prediction_table(predictions));
            arguments.save("07_unet.png", unet::noise_figure(predictor, predictions, caption));
            arguments.save(
                "07_unet_layers.png",
                unet::layer_outputs_figure(
                    steps,
                    fmt::format("The outputs of the UNet's blocks, \"{}\" at t = {}", caption, t),
                    {image::to_image(predictor.decode(prediction.x_t)), "noisy latent"},
                    {unet::channels_in_a_square(prediction.predicted), "predicted noise"}));
            if (!snapshot_folder.empty())
                store_activations(snapshot_folder, predictor.unet(), trace,
                                  {.caption = caption,
                                   .example = example,
                                   .t = t,
                                   .tensors = {{"x", prediction.x_t}, {"context", context}}});
        });
}
