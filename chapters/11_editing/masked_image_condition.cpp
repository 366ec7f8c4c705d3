#include "chapters/11_editing/masked_image_condition.h"

#include "chapters/11_editing/masked_channels.h"
#include "chapters/11_editing/random_mask.h"
#include "common/ops/precision.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::editing {
namespace {

using pipeline::ConcatInput;

class MaskedImageCondition : public train::TrainingCondition {
public:
    explicit MaskedImageCondition(const train::ConditionSources& from)
        : kind_(from.config["conditioning_key"] == "hybrid" ? ConcatInput::mask_and_picture
                                                            : ConcatInput::picture_and_mask),
          first_stage_(from.first_stage),
          device_(from.device) {
        io::expect_only_keys(from.condition.params, {}, "masked_image");
    }

    Tensor prepare(const train::Batch& batch, random::TorchGenerator& random) const override {
        const auto [n, channels, height, width] = batch.pictures.dims<4>();
        std::vector<Tensor> masks;
        for (std::int64_t i = 0; i < n; ++i)
            masks.push_back(random_mask(static_cast<int>(width), static_cast<int>(height), random));
        const ops::WithPrecision exact(ops::Precision::f32);
        return masked_channels(kind_, ops::to(batch.pictures, device_),
                               masks_for(ops::concat(masks, 0), height / first_stage_.factor(),
                                         width / first_stage_.factor(), device_),
                               [&](const Tensor& pictures) {
                                   return first_stage_.mean(first_stage_.encoder()(pictures));
                               });
    }

    void add(const Tensor& prepared, unet::Conditioning& given) const override {
        given.concat.push_back(prepared);
    }

private:
    ConcatInput kind_;
    const pipeline::FirstStageEncoder& first_stage_;
    Device device_;
};

}  // namespace

train::ConditionKinds masked_image_condition() {
    return {{"masked_image", [](const train::ConditionSources& from) {
                 return std::make_unique<const MaskedImageCondition>(from);
             }}};
}

}  // namespace ldm::editing
