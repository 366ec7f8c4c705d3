#pragma once

#include <string>

#include "common/device/device.h"

namespace ldm::ops {

/// How matrix products and convolutions of float32 tensors multiply. Products are added up in
/// float32 either way. Tensors in 16 bits (on a GPU, --dtype) are multiplied as they are.
enum class Precision {
    /// factors as they are
    f32,
    /// factors rounded to bfloat16 (8 significant bits); cuDNN's convolutions round them to TF32
    /// (11 bits)
    bf16
};

/// "f32" or "bf16"; another name is an Error.
[[nodiscard]] Precision precision_from(const std::string& name);
[[nodiscard]] std::string name_of(Precision precision);

/// Whether this program was compiled for a processor with AVX-512 BF16, the instructions that
/// Precision::bf16 takes on the CPU; without them it is f32 there. GPUs have had theirs since
/// compute capability 8.0.
[[nodiscard]] bool has_bf16_products();

/// Sets the precision of the ops that this thread calls; restores the previous precision on
/// destruction. What PyTorch calls torch.set_float32_matmul_precision("medium").
///
///     const ops::WithPrecision fast(ops::Precision::bf16);
///
/// Attention's own products (Q K^T, and the weights times V) stay float32; its projections are
/// Linear layers and follow.
class [[nodiscard]] WithPrecision {
public:
    explicit WithPrecision(Precision precision);
    ~WithPrecision();
    WithPrecision(const WithPrecision&) = delete;
    WithPrecision& operator=(const WithPrecision&) = delete;

private:
    Precision previous_;
};

/// The precision that ops called by this thread will use on `device`: on a CPU bf16 only if
/// has_bf16_products().
[[nodiscard]] Precision precision(Device device);

}  // namespace ldm::ops
