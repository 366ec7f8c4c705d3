#include "chapters/12_conditioners/training/segmentation_condition.h"

#include <fmt/format.h>

#include "chapters/12_conditioners/segmentation.h"
#include "chapters/12_conditioners/spatial_rescaler.h"
#include "common/image/resize.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

using train::ConditionSources;

/// The map of a picture, by the way of a picture from the middle.
image::Image map_of(const train::PictureFile& file, int width, int height) {
    const train::Draw middle{
        .picture = 0, .drop_caption = false, .flipped = false, .crop_x = 0.5, .crop_y = 0.5};
    return train::crop_and_flip(train::covering(image::load_image(file.segmentation), width, height,
                                                image::Filter::nearest),
                                middle, width, height);
}

class SegmentationCondition : public train::TrainingCondition {
public:
    explicit SegmentationCondition(const ConditionSources& from)
        : config_(SpatialRescaler::Config::from_json(from.condition.params)),
          rescaler_(from.weights, config_),
          pictures_(from.pictures),
          device_(from.device) {
        if (!pictures_) return;
        if (from.data.flip || from.data.crop != train::Crop::center)
            throw Error(
                "semantic maps are taken from the middle of their pictures: leave out 'flip' and "
                "'crop' of the data");
        for (std::int64_t i = 0; i < pictures_->size(); ++i)
            if (pictures_->file(i).segmentation.empty())
                throw Error(fmt::format(
                    "{}: has no semantic map: metadata.jsonl names it as \"segmentation\"",
                    pictures_->file(i).path.string()));
    }

    Tensor prepare(const train::Batch& batch, random::TorchGenerator&) const override {
        const int height = static_cast<int>(batch.pictures.dim(2)),
                  width = static_cast<int>(batch.pictures.dim(3));
        std::vector<Tensor> maps;
        for (const std::int64_t file : batch.files)
            maps.push_back(segmentation_channels(map_of(pictures_->file(file), width, height),
                                                 config_.in_channels));
        return ops::to(ops::concat(maps, 0), device_);  // [N, c, H, W]
    }

    void add(const Tensor& prepared, unet::Conditioning& given) const override {
        given.concat.push_back(rescaler_(prepared));
    }

    bool is_trained() const override { return true; }

private:
    SpatialRescaler::Config config_;
    SpatialRescaler rescaler_;
    const train::PictureFolder* pictures_;
    Device device_;
};

}  // namespace

train::ConditionKinds segmentation_condition() {
    return {{"segmentation", [](const ConditionSources& from) {
                 if (from.condition.target != "SpatialRescaler")
                     throw Error(fmt::format(
                         "semantic maps are made smaller by '{}', expected SpatialRescaler",
                         from.condition.target));
                 return std::make_unique<const SegmentationCondition>(from);
             }}};
}

}  // namespace ldm::conditioners
