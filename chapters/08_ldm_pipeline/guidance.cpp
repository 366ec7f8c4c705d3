#include "chapters/08_ldm_pipeline/guidance.h"

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::pipeline {

//! [guidance]
ddpm::Denoiser with_guidance(const ConditionedModel& model, const unet::Conditioning& cond,
                             const unet::Conditioning& uncond, float scale) {
    if (uncond.empty() || scale == 1.0f)
        return [=](const Tensor& x, const Tensor& t) { return model(x, t, cond); };

    const unet::Conditioning both = as_one_batch(uncond, cond);
    return [=](const Tensor& x, const Tensor& t) {
        const Tensor times = t.dtype() == DType::i32 ? ops::to_float(t) : t;
        const Tensor predictions =
            model(ops::concat({x, x}, 0), ops::concat({times, times}, 0), both);
        const auto e = ops::chunk(predictions, 2, 0);
        return e[0] + scale * (e[1] - e[0]);
    };
}
//! [guidance]

}  // namespace ldm::pipeline
