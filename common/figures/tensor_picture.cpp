#include "common/figures/tensor_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/error.h"
#include "common/ops/transfer.h"

namespace ldm::image {

Tensor to_tensor(const Image& picture) { return to_tensor(std::span(&picture, 1)); }

Tensor to_tensor(std::span<const Image> pictures) {
    expect(!pictures.empty(), "a batch needs a picture");
    const int width = pictures[0].width, height = pictures[0].height;
    const std::int64_t pixels = std::int64_t{width} * height;
    Tensor x({static_cast<std::int64_t>(pictures.size()), 3, height, width});
    float* to = x.data();
    for (const Image& picture : pictures) {
        expect(picture.width == width && picture.height == height,
               fmt::format("expected pictures of {}x{}, got one of {}x{}", width, height,
                           picture.width, picture.height));
        for (std::int64_t c = 0; c < 3; ++c)
            for (std::int64_t p = 0; p < pixels; ++p)
                *to++ = static_cast<float>(picture.rgb[3 * p + c]) / 127.5f - 1.0f;
    }
    return x;
}

Tensor to_unit_tensor(const Image& picture) {
    Tensor x({1, 3, picture.height, picture.width});
    const std::int64_t pixels = std::int64_t{picture.width} * picture.height;
    float* to = x.data();
    for (std::int64_t c = 0; c < 3; ++c)
        for (std::int64_t p = 0; p < pixels; ++p)
            *to++ = static_cast<float>(picture.rgb[3 * p + c]) / 255.0f;
    return x;
}

Image from_bytes(const Tensor& bytes) {
    const auto [height, width, channels] = bytes.dims<3>();
    expect(channels == 3, "expected [H, W, 3], got " + to_string(bytes.shape()));
    Image picture(static_cast<int>(width), static_cast<int>(height));
    for (std::int64_t i = 0; i < bytes.size(); ++i)
        picture.rgb[i] = static_cast<std::uint8_t>(bytes.ints()[i]);
    return picture;
}

Image to_image(const Tensor& x, std::int64_t n) {
    const auto [count, channels, height, width] = x.dims<4>();
    expect_shape(x, {count, 3, height, width});
    expect(n >= 0 && n < count, "no such picture in the batch");
    const std::int64_t pixels = height * width;
    const Tensor here = ops::to(x, Device::cpu);
    const float* from = here.data() + n * 3 * pixels;
    Image picture(static_cast<int>(width), static_cast<int>(height));
    for (std::int64_t c = 0; c < 3; ++c)
        for (std::int64_t p = 0; p < pixels; ++p) {
            const float value = std::clamp(from[c * pixels + p], -1.0f, 1.0f);
            picture.rgb[3 * p + c] = static_cast<std::uint8_t>(std::lround((value + 1) * 127.5f));
        }
    return picture;
}

}  // namespace ldm::image
