// Random bytes as a picture: an ldm::Error of one line, or a picture of the size that its header
// gave. Also as a PNG whose texts are read.

#include "common/image/exif.h"
#include "common/image/image.h"
#include "common/image/png.h"
#include "tests/fuzz/fuzz.h"

using namespace ldm;
using fuzz::attempt;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // in memory of exactly that size, so that a read past the end is seen
    const std::vector<std::uint8_t> exact(data, data + size);
    const int orientation = image::exif_orientation(std::as_bytes(std::span(exact)));
    require(orientation >= 1 && orientation <= 8);

    const auto path = fuzz::scratch_file("picture", fuzz::text_of(data, size));
    attempt([&] {
        const image::Extent extent = image::image_extent(path);
        require(extent.width > 0 && extent.height > 0);
        require(std::int64_t{extent.width} * extent.height <= image::most_pixels);
        // larger ones only cost time
        if (std::int64_t{extent.width} * extent.height > 1 << 20) return;
        const image::Image picture = image::load_image(path);
        require(image::Extent{picture.width, picture.height} == extent);
        require(picture.rgb.size() == 3u * picture.width * picture.height);
        require(3 * image::load_alpha(path).size() == picture.rgb.size());
    });
    attempt([&] { static_cast<void>(image::read_png_text(path)); });
    return 0;
}
