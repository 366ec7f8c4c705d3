#include "common/image/bmp_decoder.h"

// Its other formats are not compiled: several of them crash on hostile files.
#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#define STBI_ONLY_BMP
#include <fmt/format.h>
#include <stb_image.h>

#include <cstdlib>
#include <memory>
#include <set>

#include "common/error.h"
#include "common/image/bytes.h"
#include "common/image/decoding.h"

// The format: 14 bytes of file header (signature, sizes, offset of the pixels), an information
// header that begins with its own length, a palette below 16 bits, rows padded to 4 bytes.

namespace ldm::image {
namespace {

constexpr std::uint64_t file_header = 14;

struct BmpHeader {
    Extent extent;
    std::uint32_t bits = 0;
    // where the pixels begin
    std::uint64_t offset = 0;
    std::uint64_t row_bytes = 0;
    // colours of the palette
    std::uint64_t colors = 0;
};

[[noreturn]] void reject(std::string_view why) {
    throw Error(fmt::format("the BMP is damaged or of an unusual kind: {}", why));
}

BmpHeader read_header(std::span<const std::byte> file) {
    const ByteReader reader(file, ByteOrder::little_endian);
    const auto number = [&](std::size_t offset, std::size_t size) {
        const auto value = reader.number(offset, size);
        if (!value) reject("it ends within its header");
        return *value;
    };
    BmpHeader header;
    header.offset = number(10, 4);
    const std::uint32_t length = number(14, 4);
    if (!std::set<std::uint32_t>{12, 40, 56, 108, 124}.contains(length))
        reject(fmt::format("a header of {} bytes", length));
    const bool is_old = length == 12;
    const std::uint32_t width = is_old ? number(18, 2) : number(18, 4);
    // negative: from the top, not from the bottom
    const auto height =
        is_old ? std::int64_t{number(20, 2)} : static_cast<std::int32_t>(number(22, 4));
    header.extent = checked_extent(width, static_cast<std::uint32_t>(std::abs(height)));

    header.bits = is_old ? number(24, 2) : number(28, 2);
    const std::uint32_t compression = is_old ? 0 : number(30, 4);
    if (!std::set<std::uint32_t>{1, 4, 8, 16, 24, 32}.contains(header.bits))
        reject(fmt::format("{} bits per pixel", header.bits));
    // 3: the bits of each colour are listed
    if (compression != 0 && compression != 3) reject("its pixels are compressed");

    const std::uint64_t row_bits = std::uint64_t{width} * header.bits;
    header.row_bytes = (row_bits + 31) / 32 * 4;
    const std::uint64_t rows = header.row_bytes * (header.extent.height - 1) + (row_bits + 7) / 8;
    if (header.offset < file_header + length || header.offset + rows > file.size())
        reject(fmt::format("{} bytes cannot hold {}x{} pixels", file.size(), header.extent.width,
                           header.extent.height));
    if (header.bits < 16) header.colors = (header.offset - file_header - length) / (is_old ? 3 : 4);
    return header;
}

/// The decoder does not ask whether a pixel's colour is in the palette.
void expect_colors_exist(std::span<const std::byte> file, const BmpHeader& header) {
    if (header.bits >= 16 || header.colors >= 1u << header.bits) return;
    const std::uint32_t mask = (1u << header.bits) - 1;
    for (int y = 0; y < header.extent.height; ++y)
        for (int x = 0; x < header.extent.width; ++x) {
            const std::uint64_t bit = std::uint64_t{header.bits} * x;
            const std::byte byte = file[header.offset + y * header.row_bytes + bit / 8];
            const auto shift = 8 - header.bits - bit % 8;
            if ((std::to_integer<std::uint32_t>(byte) >> shift & mask) >= header.colors)
                reject("a pixel's colour is not in its palette");
        }
}

}  // namespace

Extent bmp_extent(std::span<const std::byte> file) { return read_header(file).extent; }

Image decode_bmp(std::span<const std::byte> file) {
    const BmpHeader header = read_header(file);
    expect_colors_exist(file, header);
    int width = 0, height = 0, channels = 0;
    const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> rgba(
        stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(file.data()),
                              static_cast<int>(file.size()), &width, &height, &channels, 4),
        stbi_image_free);
    if (!rgba) reject(stbi_failure_reason());
    Image image(width, height);
    put_on_white({rgba.get(), image.rgb.size() / 3 * 4}, image.rgb);
    return image;
}

}  // namespace ldm::image
