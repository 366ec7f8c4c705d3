#include "chapters/08_ldm_pipeline/guidance.h"

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::pipeline {

//! [guidance]
ddpm::Denoiser with_guidance(ConditionedModel model, Tensor cond, Tensor uncond, float scale) {
    if (!uncond || scale == 1.0f)
        return [=](const Tensor& x, const Tensor& t) { return model(x, t, cond); };

    expect_shape(uncond, cond.shape());
    const Tensor context = ops::concat({uncond, cond}, 0);
    return [=](const Tensor& x, const Tensor& t) {
        const Tensor times = t.dtype() == DType::i32 ? ops::to_float(t) : t;
        const Tensor both = model(ops::concat({x, x}, 0), ops::concat({times, times}, 0), context);
        const auto e = ops::chunk(both, 2, 0);
        return e[0] + scale * (e[1] - e[0]);
    };
}
//! [guidance]

}  // namespace ldm::pipeline
