#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chapters/12_conditioners/retrieval/exact_search.h"
#include "common/figures/canvas.h"
#include "common/image/example_pictures.h"

/// The figures of this chapter.

namespace ldm::conditioners {

/// The pictures that are nearest to each text: a row for each of `texts`, with the cosine
/// similarities.
[[nodiscard]] figures::Canvas neighbours_figure(const std::vector<std::string>& texts,
                                                const std::vector<image::Example>& examples,
                                                const Neighbours& found);

/// A picture that a search has found.
struct FoundPicture {
    image::Image picture;
    std::string caption;
    float similarity;
};

/// What was found in an index of `pool` pictures, the nearest first, and before them the picture
/// that was searched for, if it was one.
[[nodiscard]] figures::Canvas search_figure(const std::string& title,
                                            const std::optional<image::Image>& query,
                                            const std::vector<FoundPicture>& found,
                                            std::int64_t pool);

/// A picture, and what is left of it beside latents that are `factor` times smaller, by each way to
/// rescale it.
[[nodiscard]] figures::Canvas rescaling_figure(const image::Image& picture, int factor);

}  // namespace ldm::conditioners
