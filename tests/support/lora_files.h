#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chapters/03_clip/text_encoder.h"
#include "chapters/07_unet/unet_model.h"
#include "chapters/09_training/lora/weight_change.h"
#include "chapters/09_training/optimizer/initial_weights.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "common/io/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"
#include "tests/support/torch_writer.h"

/// A small model, and LoRA files for it.

namespace ldm::test {

inline constexpr const char* to_q =
    "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight";
inline constexpr const char* to_q_kohya =
    "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q";
inline constexpr const char* to_q_diffusers =
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q";

/// A small model with words, whose layers have known names in diffusers and in kohya's files
/// (reference_data/generate/09_training_optimizer.py asked diffusers for them).
struct Small {
    io::Json names = io::read_json(LDM_SOURCE_DIR "/reference_data/09_training/lora_names.json");
    io::Json config = {{"unet_config", names.at("unet_config")}};
    unet::Config unet_config = unet::Config::from_json(names.at("unet_config"));
    std::optional<unet::UNetModel> unet;
    train::Weights weights = train::weights_of(
        [&](const nn::Params& p) {
            unet.emplace(p / "model" / "diffusion_model", unet_config);
            clip::TextEncoder(p / "cond_stage_model" / "transformer",
                              clip::TextEncoder::Config::from_json(names.at("text_config")));
        },
        [](const std::string& name, const Shape& shape) {
            return noise(shape, static_cast<int>(name.size()), 0.1f);
        });

    Tensor draw(const unet::UNetModel& model) const {
        return model(noise({1, 4, 8, 8}, 1), Tensor::ints({1}, std::vector<std::int32_t>{500}),
                     noise({1, 3, 16}, 2));
    }

    /// What the UNet draws that is built from `checkpoint`.
    Tensor draw(nn::Checkpoint& checkpoint) const {
        return draw(unet::UNetModel(checkpoint.root() / "model" / "diffusion_model", unet_config));
    }
};

/// A plain LoRA as what a file may hold.
inline train::WeightChanges changes_of(const train::Lora& lora) {
    train::WeightChanges changes;
    for (const auto& [name, layer] : lora) changes[name] = {layer};
    return changes;
}

/// A LoRA file made by hand.
class HandMade {
public:
    /// What diffusers keeps of PEFT's settings.
    HandMade& peft_settings(const std::string& json) {
        metadata_["lora_adapter_metadata"] = json;
        return *this;
    }

    HandMade& add(const std::string& name, const Tensor& x) {
        tensors_.emplace_back(name, x);
        return *this;
    }

    std::filesystem::path write() const {
        io::write_safetensors(folder_ / "lora.safetensors", entries(), metadata_);
        return folder_ / "lora.safetensors";
    }

    /// As torch.save writes it.
    std::filesystem::path write_torch() const {
        io::write_text_file(folder_ / "lora.bin", torch_zip(entries()));
        return folder_ / "lora.bin";
    }

private:
    std::vector<io::TensorEntry> entries() const {
        std::vector<io::TensorEntry> entries;
        for (const auto& [name, x] : tensors_)
            entries.push_back(io::entry_of(name, x.shape(), x.values()));
        return entries;
    }

    TemporaryFolder folder_;
    std::map<std::string, std::string> metadata_;
    std::vector<std::pair<std::string, Tensor>> tensors_;
};

}  // namespace ldm::test
