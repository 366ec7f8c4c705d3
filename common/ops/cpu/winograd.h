#pragma once

#include "common/ops/conv2d.h"

namespace ldm::ops::cpu {

/// Whether conv2d should take Winograd's way: a 3x3 kernel that moves by single pixels, and enough
/// channels and pixels to pay for the transforms. Looks at the size of one picture only, so that
/// the answer for a picture does not depend on the batch.
bool winograd_pays(const Tensor& x, const Tensor& weight, const Conv2dOptions& options);

/// conv2d for such a case.
Tensor conv2d_winograd(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Conv2dOptions& options);

}  // namespace ldm::ops::cpu
