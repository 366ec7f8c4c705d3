#include "chapters/09_training/data/batches.h"

#include <algorithm>
#include <utility>

#include "common/figures/tensor_picture.h"
#include "common/image/crop.h"
#include "common/image/resize.h"

namespace ldm::train {
namespace {

std::vector<std::string> concept_names_of(const PictureFolder& folder) {
    std::vector<std::string> concept_names;
    for (std::int64_t i = 0; i < folder.size(); ++i)
        concept_names.push_back(folder.file(i).concept_name);
    return concept_names;
}

// n pixels to spare are n + 1 places, all of them equally likely.
int place(double share, int spare) { return static_cast<int>(share * (spare + 1)); }

/// The crop of a picture that is resized to the model's size (ldm/data/imagenet.py: ImageNetSR).
image::Image crop_of_share(const image::Image& picture, const Draw& draw,
                           const DataConfig& config) {
    // the largest of the model's shape
    double width = picture.width, height = picture.height;
    if (width * config.height > height * config.width)
        width = height * config.width / config.height;
    else
        height = width * config.height / config.width;
    const auto part = [&](double side) {
        return std::max(1, static_cast<int>(side * draw.crop_f));
    };
    const auto begin = [&](double share, int spare) {
        return config.crop == Crop::center ? spare / 2 : place(share, spare);
    };
    const int columns = part(width), rows = part(height);
    return image::crop(picture, begin(draw.crop_x, picture.width - columns),
                       begin(draw.crop_y, picture.height - rows), columns, rows);
}

}  // namespace

Batches::Batches(const PictureFolder& folder, const DataConfig& config, int batch_size,
                 std::uint64_t seed)
    : folder_(folder),
      config_(config),
      order_(concept_names_of(folder), config, batch_size, seed) {}

image::Image crop_and_flip(const image::Image& picture, const Draw& draw, int width, int height) {
    const int x = place(draw.crop_x, picture.width - width),
              y = place(draw.crop_y, picture.height - height);
    image::Image part = image::crop(picture, x, y, width, height);
    return draw.flipped ? image::mirror(part) : part;
}

image::Image sample_of(const image::Image& picture, const Draw& draw, const DataConfig& config) {
    if (!config.crop_share) return crop_and_flip(picture, draw, config.width, config.height);
    const image::Image part = image::resize(crop_of_share(picture, draw, config), config.width,
                                            config.height, config.filter);
    return draw.flipped ? image::mirror(part) : part;
}

Batch Batches::at(std::int64_t step) const {
    Batch batch;
    std::vector<image::Image> pictures;
    for (const Draw& draw : order_.at(step)) {
        const auto [index, picture] = folder_.load(draw.picture);
        pictures.push_back(sample_of(*picture, draw, config_));
        batch.captions.push_back(draw.drop_caption ? "" : folder_.file(index).caption);
        batch.files.push_back(index);
    }
    batch.pictures = image::to_tensor(pictures);  // [N, 3, height, width]
    return batch;
}

}  // namespace ldm::train
