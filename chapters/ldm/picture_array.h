#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "common/image/image.h"

namespace ldm::program {

/// All pictures of a run as one array of bytes [N, height, width, 3], in the order of the plan. It
/// is what programs that compare sets of pictures read (scripts/sample_diffusion.py; OpenAI's
/// guided-diffusion). In memory until it is saved.
class PictureArray {
public:
    /// Throws an Error unless all are of one size.
    explicit PictureArray(const std::vector<image::Extent>& extents);

    void set(std::size_t number, const image::Image& picture);

    /// As "arr_0" of an .npz (io::write_npz). Ctrl-C waits for it.
    void save(const std::filesystem::path& path) const;

private:
    image::Extent extent_;
    std::size_t count_;
    std::vector<std::uint8_t> bytes_;
};

}  // namespace ldm::program
