#include "common/image/image.h"

#include <fmt/format.h>

#include <span>

#include "common/error.h"
#include "common/image/bmp_decoder.h"
#include "common/image/exif.h"
#include "common/image/jpeg_decoder.h"
#include "common/image/picture_format.h"
#include "common/image/png_decoder.h"
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

using Bytes = std::span<const std::byte>;

[[noreturn]] void reject_format(Bytes file) {
    if (file.empty()) throw Error("the file is empty");
    const auto name = name_of_other(file);
    throw Error(name.empty() ? "it is no PNG, JPEG or BMP"
                             : fmt::format("it is {}; convert it to PNG or JPEG", name));
}

Image decode(Bytes file) {
    switch (format_of(file)) {
        case PictureFormat::png:
            return decode_png(file);
        case PictureFormat::jpeg:
            return upright(decode_jpeg(file), exif_orientation(file));
        case PictureFormat::bmp:
            return decode_bmp(file);
        case PictureFormat::other:
            break;
    }
    reject_format(file);
}

Extent upright_extent(Bytes file) {
    switch (format_of(file)) {
        case PictureFormat::png:
            return png_extent(file);
        case PictureFormat::jpeg: {
            const Extent stored = jpeg_extent(file);
            return exif_orientation(file) < 5 ? stored : Extent{stored.height, stored.width};
        }
        case PictureFormat::bmp:
            return bmp_extent(file);
        case PictureFormat::other:
            break;
    }
    reject_format(file);
}

std::vector<std::uint8_t> decode_alpha(Bytes file) {
    if (format_of(file) == PictureFormat::png) return decode_png_alpha(file);
    const Extent extent = upright_extent(file);
    return std::vector<std::uint8_t>(static_cast<std::size_t>(extent.width) * extent.height, 255);
}

/// What `read` makes of the bytes of a file; an error's text is given the name of the file.
template <typename Read>
auto read_picture(const std::filesystem::path& path, const Read& read) {
    const io::MappedFile file(path);
    try {
        if (file.bytes().size() > largest_picture_file)
            throw Error("the file is larger than 1 GiB");
        return read(file.bytes());
    } catch (const Error& error) {
        throw Error(fmt::format("{}: cannot read the picture: {}", path.string(), error.what()));
    }
}

}  // namespace

Image load_image(const std::filesystem::path& path) { return read_picture(path, decode); }

std::vector<std::uint8_t> load_alpha(const std::filesystem::path& path) {
    return read_picture(path, decode_alpha);
}

Extent image_extent(const std::filesystem::path& path) {
    return read_picture(path, upright_extent);
}

}  // namespace ldm::image
