#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/image/image.h"

namespace ldm::image {

/// A picture and the words for it.
struct Example {
    std::string caption;
    Image picture;
    /// the name of its file, without ".png"
    std::string slug;
};

/// The example pictures of a model folder, in the order of their file names: `examples/` holds PNG
/// files and `captions.json`, which maps file name to caption.
/// Throws ldm::Error naming what is missing.
std::vector<Example> example_pictures(const std::filesystem::path& model_folder);

/// Those with the slugs `wanted`, in this order. Throws ldm::Error with all slugs there are when
/// one of them is not there.
std::vector<Example> choose_examples(const std::filesystem::path& model_folder,
                                     const std::vector<std::string>& wanted);

}  // namespace ldm::image
