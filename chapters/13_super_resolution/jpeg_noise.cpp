#include "chapters/13_super_resolution/jpeg_noise.h"

#include "chapters/13_super_resolution/unit_picture.h"
#include "common/figures/tensor_picture.h"
#include "common/image/jpeg_decoder.h"
#include "common/image/jpeg_encoder.h"

namespace ldm::super_resolution {

Tensor add_jpeg_noise(const Tensor& x, int quality) {
    return image::to_unit_tensor(image::decode_jpeg(image::encode_jpeg(to_bytes(x), quality)));
}

}  // namespace ldm::super_resolution
