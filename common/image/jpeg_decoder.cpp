#include "common/image/jpeg_decoder.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <memory>
#include <vector>

// in this order: jpeglib.h needs size_t and FILE
#include <jpeglib.h>
// and jerror.h needs jpeglib.h
#include <jerror.h>

#include "common/error.h"
#include "common/image/decoding.h"

namespace ldm::image {
namespace {

/// A progressive JPEG is refined scan by scan, usually ten. Each costs time for every pixel and
/// hardly a byte of the file: a hostile one lists thousands.
constexpr int most_scans = 100;

/// libjpeg reports an error by a long jump, over which no C++ object may live. Everything it needs
/// is in this plain structure, and the functions that call setjmp have no local objects.
struct JpegDecoder {
    jpeg_decompress_struct info = {};
    jpeg_error_mgr errors = {};
    jpeg_progress_mgr progress = {};
    std::jmp_buf escape;
    char reason[JMSG_LENGTH_MAX + 40] = "";

    ~JpegDecoder() { jpeg_destroy_decompress(&info); }
};

JpegDecoder* decoder_of(j_common_ptr info) { return static_cast<JpegDecoder*>(info->client_data); }

[[noreturn]] void on_error(j_common_ptr info) {
    JpegDecoder* decoder = decoder_of(info);
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    std::snprintf(decoder->reason, sizeof decoder->reason, "the JPEG is damaged: %s", message);
    std::longjmp(decoder->escape, 1);
}

/// Called for warnings (level -1) and for the library's talk. After these warnings some of the
/// picture is missing.
void on_message(j_common_ptr info, int level) {
    constexpr std::array fatal = {JWRN_JPEG_EOF, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE,
                                  JWRN_ARITH_BAD_CODE, JWRN_MUST_RESYNC};
    if (level < 0 && std::ranges::count(fatal, info->err->msg_code) > 0) on_error(info);
}

void on_progress(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= most_scans) return;
    JpegDecoder* decoder = decoder_of(info);
    std::snprintf(decoder->reason, sizeof decoder->reason, "the JPEG has more than %d scans",
                  most_scans);
    std::longjmp(decoder->escape, 1);
}

/// False: see `reason`.
bool read_header(JpegDecoder* decoder, std::span<const std::byte> file) {
    jpeg_decompress_struct& info = decoder->info;
    info.err = jpeg_std_error(&decoder->errors);
    info.client_data = decoder;
    decoder->errors.error_exit = on_error;
    decoder->errors.emit_message = on_message;
    if (setjmp(decoder->escape)) return false;
    jpeg_create_decompress(&info);
    decoder->progress.progress_monitor = on_progress;
    info.progress = &decoder->progress;
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    jpeg_read_header(&info, TRUE);
    return true;
}

bool is_cmyk(const jpeg_decompress_struct& info) {
    return info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
}

/// False: see `reason`.
bool start(JpegDecoder* decoder) {
    jpeg_decompress_struct& info = decoder->info;
    if (setjmp(decoder->escape)) return false;
    info.out_color_space = is_cmyk(info) ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info);
    return true;
}

/// The next row. False: see `reason`.
bool read_row(JpegDecoder* decoder, JSAMPLE* row) {
    if (setjmp(decoder->escape)) return false;
    jpeg_read_scanlines(&decoder->info, &row, 1);
    return true;
}

/// Also looks whether the file has an end. False: see `reason`.
bool finish(JpegDecoder* decoder) {
    if (setjmp(decoder->escape)) return false;
    jpeg_finish_decompress(&decoder->info);
    return true;
}

/// Printing inks to light, without a colour profile. Adobe's programs write 255 for no ink.
void cmyk_to_rgb(std::span<const JSAMPLE> cmyk, bool no_ink_is_255, std::uint8_t* rgb) {
    for (std::size_t i = 0; i < cmyk.size(); i += 4)
        for (std::size_t c = 0; c < 3; ++c) {
            const int color = no_ink_is_255 ? cmyk[i + c] : 255 - cmyk[i + c];
            const int black = no_ink_is_255 ? cmyk[i + 3] : 255 - cmyk[i + 3];
            *rgb++ = static_cast<std::uint8_t>((color * black + 127) / 255);
        }
}

}  // namespace

Extent jpeg_extent(std::span<const std::byte> file) {
    JpegDecoder decoder;
    if (!read_header(&decoder, file)) throw Error(decoder.reason);
    return checked_extent(decoder.info.image_width, decoder.info.image_height);
}

Image decode_jpeg(std::span<const std::byte> file) {
    JpegDecoder decoder;
    if (!read_header(&decoder, file)) throw Error(decoder.reason);
    const Extent extent = checked_extent(decoder.info.image_width, decoder.info.image_height);
    const bool cmyk = is_cmyk(decoder.info);
    // Progressive scans are all read here.
    if (!start(&decoder)) throw Error(decoder.reason);

    Image image(extent.width, extent.height);
    std::vector<JSAMPLE> row(cmyk ? 4 * static_cast<std::size_t>(extent.width) : 0);
    for (int y = 0; y < extent.height; ++y) {
        std::uint8_t* rgb = image.rgb.data() + 3 * static_cast<std::size_t>(y) * extent.width;
        if (!read_row(&decoder, cmyk ? row.data() : rgb)) throw Error(decoder.reason);
        if (cmyk) cmyk_to_rgb(row, decoder.info.saw_Adobe_marker, rgb);
    }
    if (!finish(&decoder)) throw Error(decoder.reason);
    return image;
}

}  // namespace ldm::image
