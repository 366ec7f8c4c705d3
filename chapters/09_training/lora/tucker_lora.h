#pragma once

#include <string>

#include "common/tensor/tensor.h"

namespace ldm::train {

/// A LoRA of a convolution with a small convolution in the middle (LoCon with Tucker; Yeh et al.,
/// "Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation", 2023):
///
///     W' = W + alpha / rank * up * mid * down
///
/// down [rank, in, 1, 1] thins the channels, mid [rank, rank, k, k] convolves, up [out, rank, 1, 1]
/// widens them again; with the three merged into one kernel this is Tucker's product. In files:
/// lora_down.weight, lora_mid.weight, lora_up.weight, alpha.
struct TuckerLora {
    Tensor down, mid, up;
    float alpha = 0.0f;

    /// What is added to a weight of that shape.
    [[nodiscard]] Tensor change(const Shape& weight) const;

    /// Why it cannot be added to a weight of that shape, in words; empty if it can.
    [[nodiscard]] std::string misfit(const Shape& weight) const;
};

}  // namespace ldm::train
