#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "chapters/09_training/lora/full_difference.h"
#include "chapters/09_training/lora/loha.h"
#include "chapters/09_training/lora/lokr.h"
#include "chapters/09_training/lora/lora.h"
#include "chapters/09_training/lora/tucker_lora.h"
#include "common/nn/params.h"

/// What LoRA files of every family do to the weights of a model.

namespace ldm::train {

/// What a file adds to one weight.
struct WeightChange {
    std::variant<LoraLayer, TuckerLora, Loha, Lokr, FullDifference> family;
    /// of a DoRA, see dora.h; otherwise empty
    Tensor dora_magnitude = {};
};

/// W' - W for a weight W.
[[nodiscard]] Tensor change_of(const WeightChange& change, const Tensor& weight);

/// Why it cannot be added to a weight of that shape, in words that tell the shapes; empty if it
/// can. A 1x1 convolution may meet matrices, and the other way round.
[[nodiscard]] std::string misfit_of(const WeightChange& change, const Shape& weight);

/// By the name of the weight that changes: "model.diffusion_model.….attn1.to_q.weight".
using WeightChanges = std::map<std::string, WeightChange>;

/// One of several LoRAs.
struct AddedLora {
    WeightChanges changes;
    float strength = 1.0f;
    /// of its file, for messages
    std::string name = {};
};

/// Puts LoRAs into the weights of a model before it is built:
///
///     W' = W + strength_1 change_1(W) + strength_2 change_2(W) + …
///
/// Each is relative to the base weight W, so that their order does not matter, not even with DoRAs,
/// and each weight is summed up once, when it is asked for. A DoRA of strength 0.5 goes half of the
/// way from W to its W'. Throws an Error that names the weight and the LoRA when a weight is
/// not there or has another shape; then the model is as before. Call it once.
void merge(nn::Checkpoint& model, const std::vector<AddedLora>& loras);

}  // namespace ldm::train
