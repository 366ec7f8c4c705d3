#pragma once

#include <string>
#include <vector>

#include "common/image/example_pictures.h"
#include "common/image/image.h"
#include "common/tensor/tensor.h"

namespace ldm::clip {

/// Cosines of texts and pictures as a map of colours: a row for each caption, a column for each
/// picture, the pairs that belong together framed. cosines [captions, pictures].
image::Image similarity_matrix(const std::vector<image::Example>& examples,
                               const std::vector<std::string>& captions, const Tensor& cosines);

/// The most probable texts for a picture, with their probabilities.
struct Choice {
    image::Image picture;
    // its true caption
    std::string own;
    struct Text {
        std::string caption;
        float probability;
    };
    std::vector<Text> best;
};

/// A picture at the left, the texts it likes best as bars at the right; its own one in colour.
image::Image zero_shot_bars(const std::vector<Choice>& choices, const std::string& title);

}  // namespace ldm::clip
