#pragma once

#include <string>

#include "common/tensor/tensor.h"

/// DoRA, weight-decomposed low-rank adaptation (Liu et al., 2024): a low-rank change turns the rows
/// of a weight, and how long they are is trained apart from it,
///
///     W' = magnitude * (W + dW) / |W + dW|
///
/// dW is the change of any family (LoRA, LoHa, LoKr). Whose length the norm is differs:
///
///   lora_magnitude_vector (PEFT), [out], of a convolution [1, out, 1, 1]: of each output's row,
///   over
///     inputs and kernel
///   dora_scale (kohya, LyCORIS), [out, 1, …]: the same; [1, in, …], which older LyCORIS writes: of
///     each input's column, over outputs and kernel
///
/// In this project `magnitude` is [out], [out, 1, …] or [1, in, …]; whoever reads PEFT's flattens
/// it.

namespace ldm::train {

/// W' - W, so that several LoRAs can be added to one weight: each is relative to the base weight W,
/// none to what another one made of it. weight and low_rank_change have one shape.
[[nodiscard]] Tensor dora_change(const Tensor& weight, const Tensor& low_rank_change,
                                 const Tensor& magnitude);

/// Why a magnitude does not fit a weight of that shape, in words; empty if it does.
[[nodiscard]] std::string dora_misfit(const Shape& magnitude, const Shape& weight);

}  // namespace ldm::train
