#include "chapters/08_ldm_pipeline/guidance.h"

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::pipeline {

//! [guidance]
ConditionedModel guided(const ConditionedModel& model, const std::vector<Tensor>& weights,
                        float scale) {
    return [=](const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
        const Tensor times = t.dtype() == DType::i32 ? ops::to_float(t) : t;
        const std::size_t count = 1 + weights.size();
        const Tensor predictions = model(ops::concat(std::vector(count, x), 0),
                                         ops::concat(std::vector(count, times), 0), given);
        const auto e = ops::chunk(predictions, static_cast<int>(count), 0);
        Tensor change;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const Tensor difference = e[i + 1] - e[0];
            const Tensor term = weights[i] ? weights[i] * difference : difference;
            change = change ? change + term : term;
        }
        return e[0] + scale * change;
    };
}
//! [guidance]

ddpm::Denoiser with_guidance(const ConditionedModel& model, const unet::Conditioning& cond,
                             const unet::Conditioning& uncond, float scale) {
    if (uncond.empty() || scale == 1.0f)
        return [=](const Tensor& x, const Tensor& t) { return model(x, t, cond); };

    const unet::Conditioning both = as_one_batch(uncond, cond);
    const ConditionedModel predict = guided(model, {Tensor()}, scale);
    return [=](const Tensor& x, const Tensor& t) { return predict(x, t, both); };
}

}  // namespace ldm::pipeline
