#include "chapters/09_training/lora/tucker_lora.h"

#include <fmt/format.h>

#include "chapters/09_training/lora/low_rank.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::train {

Tensor TuckerLora::change(const Shape& weight) const {
    const Tensor a = ops::permute(up.reshape({up.dim(0), up.dim(1)}), {1, 0});  // [rank, out]
    const Tensor b = down.reshape({down.dim(0), down.dim(1)});                  // [rank, in]
    const float scale = alpha / static_cast<float>(down.dim(0));
    return scale * tucker_product(mid, a, b).reshape(weight);
}

std::string TuckerLora::misfit(const Shape& weight) const {
    const auto thin = [](const Tensor& x) {
        return x.rank() >= 2 && x.size() > 0 && x.size() == x.dim(0) * x.dim(1);
    };
    if (thin(down) && thin(up) && mid.rank() >= 2 && mid.size() > 0 && mid.dim(0) == up.dim(1) &&
        mid.dim(1) == down.dim(0)) {
        Shape shape = mid.shape();
        shape[0] = up.dim(0), shape[1] = down.dim(1);
        if (fits(shape, weight)) return "";
    }
    return fmt::format("up {}, mid {} and down {} do not fit a weight {}", to_string(up.shape()),
                       to_string(mid.shape()), to_string(down.shape()), to_string(weight));
}

}  // namespace ldm::train
