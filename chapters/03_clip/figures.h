#pragma once

#include <string>
#include <vector>

#include "common/figures/canvas.h"
#include "common/image/example_pictures.h"
#include "common/tensor/tensor.h"

/// The figures of this chapter.

namespace ldm::clip {

/// Cosines of texts and pictures as a table of colours: a row for each caption, a column for each
/// picture, the pairs that belong together framed. cosines [captions, pictures].
figures::Canvas similarity_figure(const std::vector<image::Example>& examples,
                                  const std::vector<std::string>& captions, const Tensor& cosines);

/// The most probable texts for a picture.
struct Choice {
    image::Image picture;
    /// the picture's own caption
    std::string own;
    struct Text {
        std::string caption;
        float probability;
    };
    std::vector<Text> best;
};

/// Zero-shot classification: each picture with its most probable texts, out of `classes`, as bars;
/// the true one marked.
figures::Canvas zero_shot_figure(const std::vector<Choice>& choices, std::size_t classes);

}  // namespace ldm::clip
