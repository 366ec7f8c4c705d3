#pragma once

#include <filesystem>
#include <string>

#include "chapters/09_training/lora/lora.h"
#include "common/io/json.h"

/// LoRA files as people share them. A file made here is read by the programs that read Stable
/// Diffusion 1.x, and theirs by this one.

namespace ldm::train {

/// Writes `lora` by the names of kohya's trainer, by which all programs know them:
///
///     lora_unet_<diffusers' name of the layer, _ for .>.lora_down.weight   .lora_up.weight .alpha
///
/// and lora_te_… for the text tower. `config` is that of the model, for diffusers' names;
/// `metadata` joins the file's.
void write_lora(const std::filesystem::path& path, const Lora& lora, const io::Json& config,
                const std::map<std::string, std::string>& metadata = {});

/// Reads a LoRA for `model`, whose weights go by the names of a single-file checkpoint. Takes
/// kohya's names, those of diffusers and PEFT (unet.….lora_A.weight), those of older diffusers
/// (….lora.down.weight, ….processor.to_q_lora.down.weight), and kohya's with CompVis's layer names.
/// Where no alpha is given it is the rank. Throws one Error that lists the names which belong to no
/// layer of this model, or the layers of which a part is missing. Whether the shapes fit, merge()
/// will say.
Lora read_lora(const std::filesystem::path& path, const nn::Checkpoint& model,
               const io::Json& config);

/// The option of `ldm txt2img`: "FILE" or "FILE:0.8".
struct LoraOption {
    std::filesystem::path path;
    float strength = 1.0f;
};
LoraOption lora_option(const std::string& text);

}  // namespace ldm::train
