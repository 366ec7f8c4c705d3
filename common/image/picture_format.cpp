#include "common/image/picture_format.h"

#include <algorithm>
#include <array>

namespace ldm::image {
namespace {

using namespace std::string_view_literals;

/// Bytes that a format has at a fixed place.
struct Magic {
    std::size_t offset;
    std::string_view bytes;
    std::string_view name;
};

constexpr auto others = std::to_array<Magic>({
    {0, "GIF8"sv, "a GIF"sv},
    {8, "WEBP"sv, "a WebP picture"sv},
    {4, "ftypavif"sv, "an AVIF picture"sv},
    {4, "ftypheic"sv, "a HEIC picture"sv},
    {4, "ftypmif1"sv, "a HEIF picture"sv},
    {0, "II*\0"sv, "a TIFF"sv},
    {0, "MM\0*"sv, "a TIFF"sv},
    {0, "8BPS"sv, "a Photoshop picture"sv},
    {0, "#?RADIANCE"sv, "a Radiance HDR picture"sv},
    {0, "#?RGBE"sv, "a Radiance HDR picture"sv},
    {0, "v/1\x01"sv, "an OpenEXR picture"sv},
    {0, "\xFF\x0A"sv, "a JPEG XL picture"sv},
    {4, "JXL \r\n\x87\n"sv, "a JPEG XL picture"sv},
    {4, "jP  \r\n\x87\n"sv, "a JPEG 2000 picture"sv},
    {0, "\0\0\1\0"sv, "a Windows icon"sv},
    {0, "P1"sv, "a PBM"sv},
    {0, "P2"sv, "a PGM"sv},
    {0, "P3"sv, "a PPM"sv},
    {0, "P4"sv, "a PBM"sv},
    {0, "P5"sv, "a PGM"sv},
    {0, "P6"sv, "a PPM"sv},
    {0, "P7"sv, "a PAM"sv},
    {0, "<svg"sv, "an SVG"sv},
    {0, "<?xml"sv, "an XML file"sv},
    {0, "<!DOCTYPE html"sv, "a web page"sv},
    {0, "<html"sv, "a web page"sv},
    {0, "%PDF"sv, "a PDF"sv},
});

std::string_view text_of(std::span<const std::byte> file) {
    return {reinterpret_cast<const char*>(file.data()), file.size()};
}

/// A TGA is known by its last bytes alone, and old ones not even by these.
bool is_tga(std::string_view file) { return file.ends_with("TRUEVISION-XFILE.\0"sv); }

}  // namespace

PictureFormat format_of(std::span<const std::byte> file) {
    const std::string_view text = text_of(file);
    if (text.starts_with("\x89PNG\r\n\x1A\n"sv)) return PictureFormat::png;
    if (text.starts_with("\xFF\xD8\xFF"sv)) return PictureFormat::jpeg;
    if (text.starts_with("BM"sv)) return PictureFormat::bmp;
    return PictureFormat::other;
}

std::string_view name_of_other(std::span<const std::byte> file) {
    const std::string_view text = text_of(file);
    const auto found = std::ranges::find_if(others, [&](const Magic& magic) {
        return text.size() > magic.offset && text.substr(magic.offset).starts_with(magic.bytes);
    });
    if (found != others.end()) return found->name;
    return is_tga(text) ? "a TGA"sv : ""sv;
}

}  // namespace ldm::image
