#include "common/image/png_decoder.h"

#include <fmt/format.h>
#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "common/error.h"
#include "common/image/bytes.h"
#include "common/image/decoding.h"

namespace ldm::image {
namespace {

/// libpng reports an error by a long jump, over which no C++ object may live. Everything it needs
/// is in this plain structure, and the functions that call setjmp have no local objects.
struct PngDecoder {
    png_structp png = nullptr;
    png_infop info = nullptr;
    const png_byte* next = nullptr;
    std::size_t left = 0;
    std::jmp_buf escape;
    char reason[200] = "libpng has no memory";
    int channels = 0;
    int passes = 0;

    ~PngDecoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
    auto* decoder = static_cast<PngDecoder*>(png_get_error_ptr(png));
    std::snprintf(decoder->reason, sizeof decoder->reason, "the PNG is damaged: %s", message);
    std::longjmp(decoder->escape, 1);
}

void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, std::size_t count) {
    auto* decoder = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (count > decoder->left) png_error(png, "it ends too early");
    std::memcpy(to, decoder->next, count);
    decoder->next += count;
    decoder->left -= count;
}

/// Reads up to the pixels and asks for 8 bits, RGB or RGBA. False: see `reason`.
bool read_header(PngDecoder* decoder) {
    if (setjmp(decoder->escape)) return false;
    decoder->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, decoder, on_error, on_warning);
    if (!decoder->png) return false;
    decoder->info = png_create_info_struct(decoder->png);
    if (!decoder->info) return false;
    png_set_read_fn(decoder->png, decoder, read_bytes);
    png_set_user_limits(decoder->png, largest_side, largest_side);
    // Only what makes pixels is looked at; profiles, texts and the like are passed over.
    png_set_keep_unknown_chunks(decoder->png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(decoder->png, decoder->info);

    const int color = png_get_color_type(decoder->png, decoder->info);
    const bool has_alpha =
        (color & PNG_COLOR_MASK_ALPHA) || png_get_valid(decoder->png, decoder->info, PNG_INFO_tRNS);
    // the upper 8 of 16 bits
    png_set_strip_16(decoder->png);
    // palettes, fewer bits than 8, one transparent colour
    png_set_expand(decoder->png);
    if (!(color & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(decoder->png);
    decoder->passes = png_set_interlace_handling(decoder->png);
    png_read_update_info(decoder->png, decoder->info);
    decoder->channels = png_get_channels(decoder->png, decoder->info);
    return decoder->channels == (has_alpha ? 4 : 3);
}

/// Every row of `pixels`, and the end of the file. False: see `reason`.
bool read_rows(PngDecoder* decoder, png_byte* pixels, std::size_t row_bytes, int height) {
    if (setjmp(decoder->escape)) return false;
    for (int pass = 0; pass < decoder->passes; ++pass)
        for (int y = 0; y < height; ++y)
            png_read_row(decoder->png, pixels + static_cast<std::size_t>(y) * row_bytes, nullptr);
    png_read_end(decoder->png, nullptr);
    return true;
}

/// Deflate makes at most 1032 bytes of one: a small file cannot hold a large picture, and memory is
/// not asked for to find that out.
void expect_long_enough(std::span<const std::byte> file, const Extent& extent) {
    constexpr std::uint64_t largest_ratio = 1032;
    const ByteReader reader(file, ByteOrder::big_endian);
    // depth and kind of colour follow width and height
    const std::uint64_t depth = reader.number(24, 1).value_or(0);
    const std::uint64_t samples = reader.number(25, 1).value_or(0) == PNG_COLOR_TYPE_RGB ? 3 : 1;
    const std::uint64_t row = (extent.width * depth * samples + 7) / 8;
    if (row * extent.height > largest_ratio * file.size())
        throw Error(fmt::format("the PNG is damaged: {} bytes cannot hold {}x{} pixels",
                                file.size(), extent.width, extent.height));
}

/// What libpng makes of all pixels: 3 bytes each, or 4 where there is transparency.
struct Samples {
    Extent extent;
    int channels;
    std::vector<std::uint8_t> values;
};

Samples read_samples(std::span<const std::byte> file) {
    const Extent extent = png_extent(file);
    expect_long_enough(file, extent);
    PngDecoder decoder;
    decoder.next = reinterpret_cast<const png_byte*>(file.data());
    decoder.left = file.size();
    if (!read_header(&decoder)) throw Error(decoder.reason);

    const auto row = static_cast<std::size_t>(extent.width) * decoder.channels;
    Samples samples{extent, decoder.channels, std::vector<std::uint8_t>(row * extent.height)};
    if (!read_rows(&decoder, samples.values.data(), row, extent.height))
        throw Error(decoder.reason);
    return samples;
}

}  // namespace

Extent png_extent(std::span<const std::byte> file) {
    // signature, length of the chunk, its type, width, height
    const ByteReader reader(file, ByteOrder::big_endian);
    const auto type = reader.number(12, 4), width = reader.number(16, 4),
               height = reader.number(20, 4);
    constexpr std::uint32_t ihdr = 0x49484452;
    if (type != ihdr || !width || !height) throw Error("the PNG is damaged: it has no header");
    return checked_extent(*width, *height);
}

Image decode_png(std::span<const std::byte> file) {
    Samples samples = read_samples(file);
    Image image;
    image.width = samples.extent.width;
    image.height = samples.extent.height;
    if (samples.channels == 3) {
        image.rgb = std::move(samples.values);
        return image;
    }
    image.rgb.resize(samples.values.size() / 4 * 3);
    put_on_white(samples.values, image.rgb);
    return image;
}

std::vector<std::uint8_t> decode_png_alpha(std::span<const std::byte> file) {
    const Samples samples = read_samples(file);
    std::vector<std::uint8_t> alpha(samples.values.size() / samples.channels, 255);
    if (samples.channels == 4)
        for (std::size_t i = 0; i < alpha.size(); ++i) alpha[i] = samples.values[4 * i + 3];
    return alpha;
}

}  // namespace ldm::image
