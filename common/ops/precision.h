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
Precision precision_from(const std::string& name);
std::string name_of(Precision precision);

/// Whether this program has the processor's instructions for Precision::bf16 (AVX-512 BF16).
/// Without them it is f32 on the CPU; every GPU has its own.
bool has_bf16_products();

/// While it lives, everything multiplies with that precision, on all threads; then as before. What
/// PyTorch calls torch.set_float32_matmul_precision("medium").
///
///     const ops::WithPrecision fast(ops::Precision::bf16);
///
/// Attention's own products stay float32.
class WithPrecision {
public:
    explicit WithPrecision(Precision precision);
    ~WithPrecision();
    WithPrecision(const WithPrecision&) = delete;
    WithPrecision& operator=(const WithPrecision&) = delete;

private:
    Precision before_;
};

/// The one in force on a device.
Precision precision(Device device);

}  // namespace ldm::ops
