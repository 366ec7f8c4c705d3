#include "chapters/12_conditioners/segmentation.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/figures/tensor_picture.h"

namespace ldm::conditioners {

Tensor segmentation_channels(const image::Image& map, int channels) {
    if (channels == 3) return image::to_tensor(map);
    Tensor one_hot = Tensor::zeros({1, channels, map.height, map.width});
    const std::int64_t plane = std::int64_t{map.height} * map.width;
    for (std::int64_t pixel = 0; pixel < plane; ++pixel) {
        const int label = map.rgb[static_cast<std::size_t>(3 * pixel)];
        if (label >= channels)
            throw Error(
                fmt::format("the semantic map has the label {}, but the model knows 0 to {} only",
                            label, channels - 1));
        one_hot.data()[label * plane + pixel] = 1.0f;
    }
    return one_hot;
}

}  // namespace ldm::conditioners
