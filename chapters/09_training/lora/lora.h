#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "chapters/09_training/optimizer/trainable.h"

/// Low-rank adaptation (LoRA; Hu et al., 2021): the weights of a trained network are frozen, and to
/// some of them a trained product of two thin matrices is added,
///
///     W' = W + alpha / rank * up down
///
/// down [rank, in] and up [out, rank]; of a convolution (LoCon), [rank, in, k, k] and
/// [out, rank, 1, 1]. `up` begins at zero, so that training begins with the unchanged network.
/// In files: lora_down.weight, lora_up.weight, alpha; or lora_A.weight, lora_B.weight.
///
/// This is the family that is trained here. The others, which are only read: tucker_lora.h, loha.h,
/// lokr.h, full_difference.h, and dora.h on top of them.

namespace ldm::train {

struct LoraLayer {
    Tensor down, up;
    float alpha = 0.0f;

    std::int64_t rank() const { return down.dim(0); }

    /// alpha / rank * up down in the shape of the weight. Gradients flow to both.
    [[nodiscard]] Tensor change(const Shape& weight) const;

    /// Why the product cannot be added to a weight of that shape, in words; empty if it can: if it
    /// has as many rows and columns. A 1x1 convolution may meet matrices, and the other way round.
    [[nodiscard]] std::string misfit(const Shape& weight) const;
};

/// By the name of the weight that changes: "model.diffusion_model.….attn1.to_q.weight".
using Lora = std::map<std::string, LoraLayer>;

/// Whether a name contains one of these texts and is a weight's, not a bias's.
std::function<bool(const std::string& name)> layers_with(std::vector<std::string> parts);

/// The layers that are adapted by default: the four projections of every attention of a
/// SpatialTransformer.
inline const std::vector<std::string> attention_layers = {".to_q.", ".to_k.", ".to_v.",
                                                          ".to_out.0."};

/// A LoRA that changes nothing yet, for those of the weights that have two axes or more and whose
/// names `chosen` accepts; at least one. down: uniform between +-1 / sqrt(fan in).
Lora initial_lora(const Weights& weights,
                  const std::function<bool(const std::string& name)>& chosen, int rank, float alpha,
                  std::uint64_t seed);

/// What is trained: `NAME.lora_down.weight` and `NAME.lora_up.weight` for each layer. The numbers
/// are shared.
Weights trained_weights(const Lora& lora);

/// Adds `weights` to a checkpoint, those that `lora` adapts with its change merged in. The sum is
/// taken anew whenever a network is built from `checkpoint`: under a Tape, build the network in
/// every step, after watch(tape, trained_weights(lora)). Throws an Error that tells the shapes when
/// a change does not fit its weight. A finished LoRA is put into a model by merge
/// (weight_change.h).
void add_weights(const Weights& weights, const Lora& lora, nn::Checkpoint& checkpoint);

}  // namespace ldm::train
