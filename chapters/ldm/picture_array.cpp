#include "chapters/ldm/picture_array.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/npz.h"
#include "common/report/interrupt.h"

namespace ldm::program {

PictureArray::PictureArray(const std::vector<image::Extent>& extents)
    : extent_(extents.at(0)), count_(extents.size()) {
    for (const image::Extent& other : extents)
        if (other.width != extent_.width || other.height != extent_.height)
            throw Error(
                fmt::format("--save-npz takes pictures of one size, and here are {}x{} and {}x{}",
                            extent_.width, extent_.height, other.width, other.height));
    bytes_.resize(count_ * extent_.width * extent_.height * 3);
}

void PictureArray::set(std::size_t number, const image::Image& picture) {
    expect(picture.width == extent_.width && picture.height == extent_.height && number < count_,
           fmt::format("picture {} of {} is {}x{}, expected {}x{}", number, count_, picture.width,
                       picture.height, extent_.width, extent_.height));
    std::ranges::copy(picture.rgb, bytes_.begin() + number * picture.rgb.size());
}

void PictureArray::save(const std::filesystem::path& path) const {
    const report::InterruptGuard finish_first;
    io::make_folder(std::filesystem::absolute(path).parent_path());
    io::write_npz(path, "arr_0", bytes_,
                  {static_cast<std::int64_t>(count_), extent_.height, extent_.width, 3});
    report::throw_if_interrupted();
}

}  // namespace ldm::program
