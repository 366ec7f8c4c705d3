#include "chapters/13_super_resolution/low_resolution_condition.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "chapters/13_super_resolution/low_resolution.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/transfer.h"

namespace ldm::super_resolution {
namespace {

class LowResolutionCondition : public train::TrainingCondition {
public:
    explicit LowResolutionCondition(const train::ConditionSources& from)
        : degradation_(io::get_or(from.condition.params, "degradation", "bsrgan_light")),
          factor_(from.first_stage.factor()),
          device_(from.device) {
        io::expect_only_keys(from.condition.params, {"degradation"}, "LR_image");
        if (std::ranges::find(degradations(), degradation_) == degradations().end())
            throw Error(fmt::format("LR_image: 'degradation' is '{}', expected one of: {}",
                                    degradation_, fmt::join(degradations(), ", ")));
    }

    Tensor prepare(const train::Batch& batch, random::TorchGenerator& random) const override {
        const std::int64_t n = batch.pictures.dim(0);
        std::vector<std::int64_t> seeds(static_cast<std::size_t>(n));
        random.randint(0, std::numeric_limits<std::int32_t>::max(), seeds);
        std::vector<image::Image> small;
        for (std::int64_t i = 0; i < n; ++i)
            small.push_back(low_resolution(image::to_image(batch.pictures, i), degradation_,
                                           factor_, static_cast<std::uint64_t>(seeds[i])));
        return ops::to(image::to_tensor(small), device_);  // [N, 3, h, w]
    }

    void add(const Tensor& prepared, unet::Conditioning& given) const override {
        given.concat.push_back(prepared);
    }

private:
    std::string degradation_;
    int factor_;
    Device device_;
};

}  // namespace

train::ConditionKinds low_resolution_condition() {
    return {{"LR_image", [](const train::ConditionSources& from) {
                 return std::make_unique<const LowResolutionCondition>(from);
             }}};
}

}  // namespace ldm::super_resolution
