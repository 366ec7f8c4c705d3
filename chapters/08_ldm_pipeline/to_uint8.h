#pragma once

#include "common/tensor/tensor.h"

/// Pictures x [N, 3, H, W] with values around [-1, 1] as bytes 0 .. 255 in int32, channels last.
/// Upstream has three ways, all of which cut off the fraction instead of rounding; they differ in
/// when they clamp, and by one where rounding does. What is not a number becomes 0. x may be on any
/// device; the bytes are on the CPU.

namespace ldm::pipeline {

/// scripts/txt2img.py: clamp((x + 1) / 2) to [0, 1], times 255 -> [N, H, W, 3].
Tensor to_uint8(const Tensor& x);

/// scripts/sample_diffusion.py, custom_to_np: (x + 1) 127.5, clamped to [0, 255] -> [N, H, W, 3].
Tensor custom_to_np(const Tensor& x);

/// scripts/sample_diffusion.py, custom_to_pil: clamp x to [-1, 1], then 255 ((x + 1) / 2), of the
/// first picture -> [H, W, 3].
Tensor custom_to_pil(const Tensor& x);

}  // namespace ldm::pipeline
