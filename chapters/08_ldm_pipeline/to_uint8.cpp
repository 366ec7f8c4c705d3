#include "chapters/08_ldm_pipeline/to_uint8.h"

#include <cmath>

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::pipeline {
namespace {

/// [N, C, H, W] -> [N, H, W, C], fractions cut off. The values must lie in 0 .. 255 by now. Here a
/// picture comes back from a GPU, for files are written by the CPU.
Tensor channels_last_bytes(const Tensor& values) {
    const Tensor x = ops::to(ops::permute(values, {0, 2, 3, 1}), Device::cpu);
    Tensor bytes(x.shape(), DType::i32);
    for (std::int64_t i = 0; i < x.size(); ++i) {
        const float value = x.data()[i];
        bytes.ints()[i] = std::isnan(value) ? 0 : static_cast<std::int32_t>(value);
    }
    return bytes;
}

}  // namespace

Tensor to_uint8(const Tensor& x) {
    return channels_last_bytes(255.0f * ops::clamp((x + 1.0f) / 2.0f, 0.0f, 1.0f));
}

Tensor custom_to_np(const Tensor& x) {
    return channels_last_bytes(ops::clamp((x + 1.0f) * 127.5f, 0.0f, 255.0f));
}

Tensor custom_to_pil(const Tensor& x) {
    const Tensor first = ops::slice(x, 0, 0, 1);
    const auto [n, c, h, w] = first.dims<4>();
    return channels_last_bytes(255.0f * ((ops::clamp(first, -1.0f, 1.0f) + 1.0f) / 2.0f))
        .reshape({h, w, c});
}

}  // namespace ldm::pipeline
