#include "common/image/image.h"

#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#include <fmt/format.h>
#include <stb_image.h>

#include <memory>
#include <string_view>

#include "common/error.h"
#include "common/image/exif.h"
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

namespace {

constexpr int largest_side = 1 << 15;

/// A picture file in memory whose header makes sense.
class PictureFile {
public:
    explicit PictureFile(const std::filesystem::path& path) : file_(path), path_(path) {
        if (bytes().empty()) reject("the file is empty");
        if (bytes().size() > 1u << 30) reject("the file is larger than 1 GiB");
        int channels = 0;
        if (!stbi_info_from_memory(data(), size(), &width_, &height_, &channels))
            reject(stbi_failure_reason());
        if (width_ > largest_side || height_ > largest_side)
            reject(fmt::format("{}x{} is larger than {} on a side", width_, height_, largest_side));
        if (width_ < 1 || height_ < 1) reject("it has no pixels");
        orientation_ = exif_orientation(bytes());
    }

    /// The size of the picture when it stands upright.
    Extent extent() const {
        return orientation_ < 5 ? Extent{width_, height_} : Extent{height_, width_};
    }

    Image decode() const {
        if (is_jpeg() && !has_end()) reject("the JPEG file is truncated");
        int width = 0, height = 0, channels = 0;
        const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> rgba(
            stbi_load_from_memory(data(), size(), &width, &height, &channels, 4), stbi_image_free);
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
        return orientation_ == 1 ? image : upright(image, orientation_);
    }

private:
    std::span<const std::byte> bytes() const { return file_.bytes(); }
    const stbi_uc* data() const { return reinterpret_cast<const stbi_uc*>(bytes().data()); }
    int size() const { return static_cast<int>(bytes().size()); }

    std::string_view text() const {
        return {reinterpret_cast<const char*>(bytes().data()), bytes().size()};
    }
    bool is_jpeg() const { return text().starts_with("\xFF\xD8"); }

    /// stb_image takes what is missing of a JPEG for grey. Behind the last scan (marker DA) the end
    /// (D9) must follow; inside of one FF is always written FF 00.
    bool has_end() const {
        const auto scan = text().rfind("\xFF\xDA"), end = text().rfind("\xFF\xD9");
        return scan != text().npos && end != text().npos && end > scan;
    }

    [[noreturn]] void reject(std::string_view why) const {
        throw Error(fmt::format("{}: cannot read the picture: {}", path_.string(), why));
    }

    const io::MappedFile file_;
    std::filesystem::path path_;
    int width_ = 0, height_ = 0, orientation_ = 1;
};

}  // namespace

Image load_image(const std::filesystem::path& path) { return PictureFile(path).decode(); }

Extent image_extent(const std::filesystem::path& path) { return PictureFile(path).extent(); }

}  // namespace ldm::image
