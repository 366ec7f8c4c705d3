#include "chapters/08_ldm_pipeline/prediction.h"

#include <fmt/format.h>

#include "chapters/08_ldm_pipeline/families.h"
#include "common/io/utf8.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::pipeline {

using ddpm::Parameterization;

std::optional<Parameterization> stated_prediction(const io::TensorFile& file) {
    if (file.contains("v_pred")) return Parameterization::v;
    const auto found = file.metadata().find("modelspec.prediction_type");
    if (found == file.metadata().end()) return std::nullopt;
    if (found->second == "epsilon") return Parameterization::eps;
    if (found->second == "v" || found->second == "v_prediction") return Parameterization::v;
    throw Error(fmt::format("its metadata say that it predicts '{}', expected epsilon or v",
                            text::printable(found->second)));
}

Parameterization measured_prediction(const ModelSpec& spec, const ConditionedModel& unet,
                                     Device device) {
    const int side = spec.unet.down_factor();
    const Tensor x = Tensor::full({1, spec.first_stage.embed_dim, side, side}, 0.5f),
                 context = Tensor::full({1, 2, spec.unet.context_dim.value()}, 0.5f);
    const auto last = static_cast<float>(spec.schedule.timesteps - 1);
    const Tensor y = unet(ops::to(x, device), ops::to(Tensor::full({1}, last), device),
                          {.crossattn = {ops::to(context, device)}});
    const Tensor above = ops::to(ops::mean(y), Device::cpu) + -0.5f;
    return above.data()[0] < -1 ? Parameterization::v : Parameterization::eps;
}

void set_prediction(ModelSpec& spec, Parameterization prediction) {
    spec.schedule.parameterization = prediction;
    spec.prediction_is_known = true;
    if (spec.scheduler) spec.scheduler->set_prediction(prediction);
    if (spec.family == sd2) spec.image_size = prediction == Parameterization::v ? 768 : 512;
}

}  // namespace ldm::pipeline
