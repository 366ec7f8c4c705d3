#pragma once

#include <string>

#include "common/device/device.h"

namespace ldm::ops {

/// How exactly matrix products and convolutions multiply. Tensors and sums are float32 either way.
enum class Precision {
    /// factors as they are
    f32,
    /// factors rounded to bfloat16, 8 bits of mantissa: twice as many fit into a register
    bf16
};

/// "f32" or "bf16"; another name is an Error.
[[nodiscard]] Precision precision_from(const std::string& name);
[[nodiscard]] std::string name_of(Precision precision);

/// Whether this program has the processor's instructions for Precision::bf16 (AVX-512 BF16).
/// Without them it is f32 on the CPU; every GPU has its own.
[[nodiscard]] bool has_bf16_products();

/// While it lives, the ops that this thread calls multiply with that precision; then as before.
/// What PyTorch calls torch.set_float32_matmul_precision("medium").
///
///     const ops::WithPrecision fast(ops::Precision::bf16);
///
/// Attention's own products stay float32.
class [[nodiscard]] WithPrecision {
public:
    explicit WithPrecision(Precision precision);
    ~WithPrecision();
    WithPrecision(const WithPrecision&) = delete;
    WithPrecision& operator=(const WithPrecision&) = delete;

private:
    Precision before_;
};

/// With what an op multiplies that this thread calls on a device.
[[nodiscard]] Precision precision(Device device);

}  // namespace ldm::ops
