#pragma once

#include <map>
#include <string>

#include "common/io/json.h"
#include "common/nn/params.h"

/// What the layers of a model are called in LoRA files.

namespace ldm::train {

/// "model.diffusion_model.….to_q.weight" -> "lora_unet_…_to_q", diffusers' name of the layer with _
/// for '.', as kohya's trainer writes it; lora_te_… for the text tower. `config` is that of the
/// model. Throws an Error for a weight of another part.
[[nodiscard]] std::string kohya_name(const std::string& weight, const io::Json& config);

/// Every name that a layer of `model` has in some file -> the layer's name in the model, without
/// ".weight": in kohya's files, with diffusers' or CompVis's names; in diffusers' and PEFT's
/// ("unet.…", "text_encoder.…"); in LyCORIS's own (lycoris_…); and without a prefix, as diffusers'
/// attention processors were saved first. `model` goes by the names of a single-file checkpoint.
[[nodiscard]] std::map<std::string, std::string, std::less<>> layer_names(
    const nn::Checkpoint& model, const io::Json& config);

}  // namespace ldm::train
