// Damaged LoRA files, put into a small model; the same bytes as the saved state of a training and
// as a checkpoint that other weights are expected of.

#include "chapters/09_training/lora/lora_file.h"
#include "chapters/09_training/optimizer/trainable.h"
#include "chapters/09_training/run/checkpoints.h"
#include "common/io/safetensors.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

using namespace ldm;
using fuzz::attempt;
using fuzz::require;

namespace {

const io::Json& config() {
    static const io::Json config = {{"unet_config",
                                     {{"in_channels", 4},
                                      {"out_channels", 4},
                                      {"model_channels", 32},
                                      {"num_res_blocks", 1},
                                      {"attention_resolutions", {1}},
                                      {"channel_mult", {1}},
                                      {"num_heads", 1},
                                      {"use_spatial_transformer", true},
                                      {"context_dim", 8}}}};
    return config;
}

void merge_into_small_model(const std::filesystem::path& path) {
    const std::string block = "model.diffusion_model.input_blocks.1.1.";
    nn::Checkpoint model;
    model.add(block + "transformer_blocks.0.attn1.to_q.weight", Tensor::full({4, 4}, 1.0f));
    model.add(block + "proj_in.weight", Tensor::full({4, 4, 1, 1}, 1.0f));
    model.add(block + "proj_in.bias", Tensor::full({4}, 1.0f));
    model.add(block + "norm.weight", Tensor::full({4}, 1.0f));
    model.add("cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight",
              Tensor::full({4, 4}, 1.0f));
    train::merge(model, {{train::read_lora(path, model, config()), 0.5f}});
    for (const auto& [name, weight] : model.load_all()) require(weight.size() <= 16);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    return fuzz::mutate_safetensors(data, size, most, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto path = fuzz::scratch_file("lora.safetensors", fuzz::text_of(data, size));
    const auto several = fuzz::Lines::several;
    attempt([&] { merge_into_small_model(path); }, several);
    attempt([&] { train::SavedState(path).text("config"); }, several);
    attempt(
        [&] {
            const io::TensorFile file = io::open_safetensors(path);
            train::Weights weights;
            weights.emplace("a", Tensor::full({2, 2}, 0.0f));
            weights.emplace("b", Tensor::ints({2}, std::vector<std::int32_t>{1, 2}));
            train::read_weights(file, weights, "");
        },
        several);
    return 0;
}
