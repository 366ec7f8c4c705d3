#include "common/image/image.h"

#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#include <fmt/format.h>
#include <stb_image.h>

#include <memory>

#include "common/error.h"
#include "common/io/mapped_file.h"

namespace ldm::image {

Image::Image(int width, int height, Color fill) : width(width), height(height) {
    expect(width >= 0 && height >= 0, fmt::format("expected a size, got {}x{}", width, height));
    rgb.resize(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
    for (std::size_t i = 0; i < rgb.size(); i += 3) {
        rgb[i] = fill.r;
        rgb[i + 1] = fill.g;
        rgb[i + 2] = fill.b;
    }
}

Image load_image(const std::filesystem::path& path) {
    constexpr int largest_side = 1 << 15;
    const io::MappedFile file(path);
    const auto* bytes = reinterpret_cast<const stbi_uc*>(file.bytes().data());
    const auto reject = [&](std::string_view why) {
        throw Error(fmt::format("{}: cannot read the picture: {}", path.string(), why));
    };
    if (file.bytes().empty()) reject("the file is empty");
    if (file.bytes().size() > 1u << 30) reject("the file is larger than 1 GiB");
    const int size = static_cast<int>(file.bytes().size());

    int width = 0, height = 0, channels = 0;
    if (!stbi_info_from_memory(bytes, size, &width, &height, &channels))
        reject(stbi_failure_reason());
    if (width > largest_side || height > largest_side)
        reject(fmt::format("{}x{} is larger than {} on a side", width, height, largest_side));
    const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> rgba(
        stbi_load_from_memory(bytes, size, &width, &height, &channels, 4), stbi_image_free);
    if (!rgba) reject(stbi_failure_reason());

    Image image(width, height);
    const std::size_t pixels = image.rgb.size() / 3;
    for (std::size_t i = 0; i < pixels; ++i) {
        const int alpha = rgba.get()[4 * i + 3];
        for (std::size_t c = 0; c < 3; ++c) {
            const int value = rgba.get()[4 * i + c];
            image.rgb[3 * i + c] =
                static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
        }
    }
    return image;
}

}  // namespace ldm::image
