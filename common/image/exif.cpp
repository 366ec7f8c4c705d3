#include "common/image/exif.h"

#include <string_view>

#include "common/image/bytes.h"

namespace ldm::image {
namespace {

/// The orientation in the first directory of a TIFF structure.
int tiff_orientation(std::string_view tiff) {
    if (!tiff.starts_with("II") && !tiff.starts_with("MM")) return 1;
    const ByteReader reader(std::as_bytes(std::span(tiff)), tiff.starts_with("MM")
                                                                ? ByteOrder::big_endian
                                                                : ByteOrder::little_endian);
    const auto directory = reader.number(4, 4);
    if (!directory) return 1;
    const auto count = reader.number(*directory, 2).value_or(0);
    for (std::size_t i = 0; i < count; ++i) {
        // tag, type, count, value
        const std::size_t entry = std::size_t{*directory} + 2 + 12 * i;
        const auto tag = reader.number(entry, 2);
        if (!tag) return 1;
        if (*tag != 0x0112) continue;
        const auto value = reader.number(entry + 8, 2).value_or(1);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

}  // namespace

int exif_orientation(std::span<const std::byte> jpeg) {
    const std::string_view bytes(reinterpret_cast<const char*>(jpeg.data()), jpeg.size());
    if (!bytes.starts_with("\xFF\xD8")) return 1;
    const ByteReader reader(jpeg, ByteOrder::big_endian);
    // Segments: FF, a marker, a length that counts itself, data. The picture begins with marker DA.
    for (std::size_t at = 2;;) {
        const auto marker = reader.number(at, 2), length = reader.number(at + 2, 2);
        if (!marker || !length || *marker >> 8 != 0xFF || *marker == 0xFFDA || *length < 2)
            return 1;
        constexpr std::string_view exif("Exif\0\0", 6);
        const std::string_view data = bytes.substr(at + 4, *length - 2);
        if (*marker == 0xFFE1 && data.starts_with(exif))
            return tiff_orientation(data.substr(exif.size()));
        at += 2 + *length;
    }
}

Image upright(Image stored, int orientation) {
    if (orientation <= 1 || orientation > 8) return stored;
    // rows are stored as columns
    const bool lying = orientation >= 5;
    const int w = stored.width - 1, h = stored.height - 1;
    Image image(lying ? stored.height : stored.width, lying ? stored.width : stored.height);
    for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x) {
            const auto from = [&]() -> Color {
                switch (orientation) {
                    case 2:
                        return stored.at(w - x, y);
                    case 3:
                        return stored.at(w - x, h - y);
                    case 4:
                        return stored.at(x, h - y);
                    case 5:
                        return stored.at(y, x);
                    case 6:
                        return stored.at(y, h - x);
                    case 7:
                        return stored.at(w - y, h - x);
                    default:
                        return stored.at(w - y, x);
                }
            };
            image.set(x, y, from());
        }
    return image;
}

}  // namespace ldm::image
