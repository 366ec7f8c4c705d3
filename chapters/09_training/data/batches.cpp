#include "chapters/09_training/data/batches.h"

#include <utility>

#include "common/figures/tensor_picture.h"
#include "common/image/crop.h"

namespace ldm::train {
namespace {

std::vector<std::string> concept_names_of(const PictureFolder& folder) {
    std::vector<std::string> concept_names;
    for (std::int64_t i = 0; i < folder.size(); ++i)
        concept_names.push_back(folder.file(i).concept_name);
    return concept_names;
}

}  // namespace

Batches::Batches(const PictureFolder& folder, const DataConfig& config, int batch_size,
                 std::uint64_t seed)
    : folder_(folder),
      config_(config),
      order_(concept_names_of(folder), config, batch_size, seed) {}

image::Image crop_and_flip(const image::Image& picture, const Draw& draw, int width, int height) {
    // n pixels to spare are n + 1 places, all of them equally likely.
    const auto place = [](double share, int spare) {
        return static_cast<int>(share * (spare + 1));
    };
    const int x = place(draw.crop_x, picture.width - width),
              y = place(draw.crop_y, picture.height - height);
    image::Image part = image::crop(picture, x, y, width, height);
    return draw.flipped ? image::mirror(part) : part;
}

Batch Batches::at(std::int64_t step) const {
    Batch batch;
    std::vector<image::Image> pictures;
    for (const Draw& draw : order_.at(step)) {
        const auto [index, picture] = folder_.load(draw.picture);
        pictures.push_back(crop_and_flip(*picture, draw, config_.width, config_.height));
        batch.captions.push_back(draw.drop_caption ? "" : folder_.file(index).caption);
        batch.files.push_back(index);
    }
    batch.pictures = image::to_tensor(pictures);  // [N, 3, height, width]
    return batch;
}

}  // namespace ldm::train
