#pragma once

#include <filesystem>
#include <string>

#include "chapters/09_training/lora/lora.h"
#include "chapters/09_training/lora/weight_change.h"
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

/// Reads a LoRA of any family (LoRA, LoCon with or without Tucker, LoHa, LoKr, DoRA, full
/// differences) for `model`, whose weights go by the names of a single-file checkpoint; a
/// safetensors file or what torch.save writes (.pt, .bin). Takes the names of kohya and LyCORIS,
/// with diffusers' or CompVis's layers (lora_unet_…, lora_te_…, lycoris_…), those of diffusers and
/// PEFT (unet.….lora_A.weight), and those of older diffusers (….lora.down.weight, with or without
/// unet. also ….processor.to_q_lora.down.weight). Where no alpha is given it is the rank.
///
/// Throws an Error, before any number is read, for a kind of change that is not among these (OFT,
/// IA3 …, by name), a LoRA of another family of models (SDXL, SD 2 on SD 1), and names that belong
/// to no layer of this model, listed: half of a LoRA draws something that nobody meant. Names that
/// have nothing to do with layers, such as learned words that A1111 packs into the file, are left
/// out. After that, for layers of which a part is missing, and numbers that are not finite. Whether
/// the shapes fit, merge() will say.
[[nodiscard]] WeightChanges read_lora(const std::filesystem::path& path,
                                      const nn::Checkpoint& model, const io::Json& config);

/// The option of `ldm txt2img`: "FILE" or "FILE:0.8".
struct LoraOption {
    std::filesystem::path path;
    float strength = 1.0f;
};
LoraOption lora_option(const std::string& text);

}  // namespace ldm::train
