#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/image/image.h"

namespace ldm::report {

/// A picture that ships with a model, to show what a chapter does to it.
struct Example {
    std::string slug;  ///< the name of its file, without ".png"
    std::string caption;
    image::Image picture;
};

/// The pictures in `<model>/examples`, by slug. Throws ldm::Error when there are none.
std::vector<Example> load_examples(const std::filesystem::path& model);

/// The first `count` of `wanted` that are there, filled up with others.
std::vector<Example> choose_examples(const std::filesystem::path& model,
                                     const std::vector<std::string>& wanted, std::size_t count);

}  // namespace ldm::report
