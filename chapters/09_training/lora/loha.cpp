#include "chapters/09_training/lora/loha.h"

#include <fmt/format.h>

#include "common/ops/elementwise.h"

namespace ldm::train {

//! [change]
Tensor Loha::change(const Shape& weight) const {
    const float scale = alpha / static_cast<float>(first.rank());
    return (scale * first.product() * second.product()).reshape(weight);
}
//! [change]

std::string Loha::misfit(const Shape& weight) const {
    for (const LowRankProduct& factor : {first, second}) {
        if (std::string trouble = factor.trouble(); !trouble.empty()) return "a LoHa's " + trouble;
        if (!fits(factor.shape(), weight))
            return fmt::format("a LoHa's factor {} does not fit a weight {}",
                               to_string(factor.shape()), to_string(weight));
    }
    if (first.shape() == second.shape()) return "";
    return fmt::format("a LoHa's factors {} and {} have different shapes", to_string(first.shape()),
                       to_string(second.shape()));
}

}  // namespace ldm::train
