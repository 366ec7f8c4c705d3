#pragma once

#include <vector>

#include "chapters/ldm/drawing_plan.h"

namespace ldm::program {

/// Some pictures of a set.
struct SetBatch {
    const PictureSet* set;
    /// where in the plan they are
    std::vector<std::size_t> pictures;
    Batch batch;
    int steps;
};

/// The sets of a plan in batches, in their order, with requests for a model of that spec. Throws an
/// Error for what the model cannot do.
[[nodiscard]] std::vector<SetBatch> batches_of(const DrawingOptions& options,
                                               const DrawingPlan& plan,
                                               const pipeline::ModelSpec& spec,
                                               const Embeddings& embeddings);

/// How large each picture of the plan will be.
[[nodiscard]] std::vector<image::Extent> extents_of(const DrawingPlan& plan,
                                                    const std::vector<SetBatch>& batches,
                                                    const pipeline::ModelSpec& spec);

}  // namespace ldm::program
