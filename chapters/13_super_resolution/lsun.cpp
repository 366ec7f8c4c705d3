#include "chapters/13_super_resolution/lsun.h"

#include <algorithm>

#include "common/figures/tensor_picture.h"
#include "common/image/crop.h"

namespace ldm::super_resolution {

image::Image centre_square(const image::Image& picture) {
    const int side = std::min(picture.width, picture.height);
    return image::crop(picture, (picture.width - side) / 2, (picture.height - side) / 2, side,
                       side);
}

//! [lsun]
Tensor lsun_picture(const image::Image& picture, int size, image::Filter filter, bool mirrored) {
    const image::Image square = image::resize(centre_square(picture), size, size, filter);
    return image::to_tensor(mirrored ? image::mirror(square) : square);
}
//! [lsun]

}  // namespace ldm::super_resolution
