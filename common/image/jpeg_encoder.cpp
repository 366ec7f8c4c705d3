#include "common/image/jpeg_encoder.h"

#include <fmt/format.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>

// in this order: jpeglib.h needs size_t and FILE
#include <jpeglib.h>

#include "common/error.h"

namespace ldm::image {
namespace {

/// As in jpeg_decoder.cpp: libjpeg reports an error by a long jump, over which no C++ object may
/// live, so everything it needs is in this plain structure.
struct JpegEncoder {
    jpeg_compress_struct info = {};
    jpeg_error_mgr errors = {};
    std::jmp_buf escape;
    char reason[JMSG_LENGTH_MAX] = "";
    unsigned char* file = nullptr;
    unsigned long size = 0;

    ~JpegEncoder() {
        jpeg_destroy_compress(&info);
        std::free(file);
    }
};

[[noreturn]] void on_error(j_common_ptr info) {
    auto* encoder = static_cast<JpegEncoder*>(info->client_data);
    info->err->format_message(info, encoder->reason);
    std::longjmp(encoder->escape, 1);
}

/// False: see `reason`.
bool start(JpegEncoder* encoder, int width, int height, int quality) {
    jpeg_compress_struct& info = encoder->info;
    info.err = jpeg_std_error(&encoder->errors);
    info.client_data = encoder;
    encoder->errors.error_exit = on_error;
    if (setjmp(encoder->escape)) return false;
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &encoder->file, &encoder->size);
    info.image_width = static_cast<JDIMENSION>(width);
    info.image_height = static_cast<JDIMENSION>(height);
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    return true;
}

/// All rows and the end of the file. False: see `reason`.
bool write_rows(JpegEncoder* encoder, const std::uint8_t* rgb) {
    if (setjmp(encoder->escape)) return false;
    jpeg_compress_struct& info = encoder->info;
    while (info.next_scanline < info.image_height) {
        // libjpeg reads the row only; its type has no const
        auto* row =
            const_cast<JSAMPLE*>(rgb + std::size_t{3} * info.next_scanline * info.image_width);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    return true;
}

}  // namespace

std::vector<std::byte> encode_jpeg(const Image& picture, int quality) {
    expect(quality >= 1 && quality <= 100,
           fmt::format("the quality of a JPEG is from 1 to 100, got {}", quality));
    expect(picture.width > 0 && picture.height > 0, "there is no JPEG without pixels");
    JpegEncoder encoder;
    if (!start(&encoder, picture.width, picture.height, quality) ||
        !write_rows(&encoder, picture.rgb.data()))
        throw Error(fmt::format("cannot write a JPEG: {}", encoder.reason));
    const auto* bytes = reinterpret_cast<const std::byte*>(encoder.file);
    return {bytes, bytes + encoder.size};
}

}  // namespace ldm::image
