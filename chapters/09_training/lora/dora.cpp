#include "chapters/09_training/lora/dora.h"

#include <fmt/format.h>

#include <limits>
#include <vector>

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"

namespace ldm::train {
namespace {

/// The axis of the weight along which the lengths lie: 0, one for each output, or 1. Where both
/// would do (a magnitude of one number) that of the weight's outputs.
int axis_of(const Shape& magnitude, const Shape& weight) {
    return magnitude[0] == weight[0] ? 0 : 1;
}

}  // namespace

//! [change]
Tensor dora_change(const Tensor& weight, const Tensor& low_rank_change, const Tensor& magnitude) {
    const int axis = axis_of(magnitude.shape(), weight.shape());
    std::vector<int> others;
    for (int i = 0; i < weight.rank(); ++i)
        if (i != axis) others.push_back(i);
    Shape lengths(weight.rank(), 1);
    lengths[axis] = weight.dim(axis);

    const Tensor direction = weight + low_rank_change;
    // LyCORIS adds it, so that a row of zeros stays one
    const float eps = std::numeric_limits<float>::epsilon();
    const Tensor norm = ops::sqrt(ops::sum(ops::square(direction), others, ops::Axes::keep)) + eps;
    return direction * (magnitude.reshape(lengths) / norm) - weight;
}
//! [change]

std::string dora_misfit(const Shape& magnitude, const Shape& weight) {
    const std::int64_t count = element_count(magnitude);
    if (!magnitude.empty() && count > 0 && weight.size() >= 2) {
        const int axis = axis_of(magnitude, weight);
        const bool column = axis == 1 && magnitude.size() >= 2 && magnitude[0] == 1;
        if (count == weight[axis] && (axis == 0 || column) &&
            (axis == 0 || magnitude[1] == weight[1]))
            return "";
    }
    return fmt::format("a DoRA's magnitude {} does not fit a weight {}", to_string(magnitude),
                       to_string(weight));
}

}  // namespace ldm::train
