#pragma once

#include "common/ops/compute_context.h"
#include "common/ops/conv2d.h"
#include "common/ops/cpu/packed_weight.h"

namespace ldm::ops::cpu {

/// Whether conv2d should take Winograd's way: a 3x3 kernel that moves by single pixels, and enough
/// channels and pixels to pay for the transforms. Depends on the size of one picture only, so that
/// the answer for a picture does not depend on the batch.
bool winograd_pays(const Tensor& x, const Tensor& weight, const Conv2dOptions& options);

/// The transformed weights as left factors of the products: [panel of O][position][C][row_panel].
class WinogradKernels {
public:
    /// Of a weight [O, C, 3, 3].
    WinogradKernels(const WeightRows& weight, std::int64_t channels, Precision precision);

    std::int64_t out() const { return out_; }
    Precision precision() const { return precision_; }
    const float* at(std::int64_t panel, int position) const;

private:
    void transform(const float* weight, std::int64_t panel, float* kernels);

    std::int64_t out_, in_;
    Precision precision_;
    std::shared_ptr<void> memory_;
};

/// conv2d for such a case.
Tensor conv2d_winograd(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Conv2dOptions& options, const ComputeContext& context);

/// The same with weights that were transformed before, with their precision.
Tensor conv2d_winograd(const Tensor& x, const WinogradKernels& kernels, const Tensor& bias,
                       const Conv2dOptions& options, const ComputeContext& context);

}  // namespace ldm::ops::cpu
