#pragma once

#include <vector>

#include "chapters/12_conditioners/told.h"
#include "common/figures/canvas.h"
#include "common/image/example_pictures.h"

namespace ldm::conditioners {

/// What the figure tells the model: the same in as many ways as there are.
struct ToldSubject {
    /// words, a class with the classifier's name for it, a picture; and the pool of an index
    std::string prompt, class_label;
    image::Image picture;
    std::shared_ptr<const RetrievalIndex> index;
    std::shared_ptr<const NoisyLatentClassifier> classifier;
};

/// A row for each way in which the model is told the subject: nothing, words, a class, a picture,
/// its neighbours, a classifier's gradient; a column for each seed from `seed` on, so that all
/// pictures of a column begin with the same noise.
inline constexpr int told_seeds = 6;
[[nodiscard]] figures::Canvas told_figure(const pipeline::LatentDiffusion& model,
                                          const ToldSubject& subject, std::uint64_t seed);

}  // namespace ldm::conditioners
