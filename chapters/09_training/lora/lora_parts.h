#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "chapters/09_training/lora/weight_change.h"

/// The tensors that LoRA files have for one layer, and the family that they are together.

namespace ldm::train {

/// A name of a file, taken apart: "lora_unet_….lora_down.weight" is the part "lora_down" of
/// "lora_unet_…".
struct LoraKey {
    std::string layer;
    /// as kohya and LyCORIS call it: lora_down, lora_mid, lora_up, hada_w1_a …, lokr_w1 …,
    /// dora_scale, diff, diff_b, alpha; and PEFT's lora_magnitude_vector
    std::string part;
};

/// Knows how kohya, LyCORIS, PEFT and diffusers spell each part; nothing for other names.
[[nodiscard]] std::optional<LoraKey> parse_key(std::string name);

/// "an OFT", when a tensor of that name belongs to a kind of change that cannot be read here; else
/// empty.
[[nodiscard]] std::string_view unsupported_kind(std::string_view name);

/// The changes of one layer: parts by name, without diff_b. Throws an Error that names a part which
/// is missing, or has no number, or belongs to no family with the others. Where there is no alpha
/// it is the rank, so that the scale is 1.
[[nodiscard]] WeightChange weight_change(std::map<std::string, Tensor> parts);

}  // namespace ldm::train
