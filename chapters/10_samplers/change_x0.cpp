#include "chapters/10_samplers/change_x0.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "common/ops/elementwise.h"
#include "common/ops/transfer.h"

namespace ldm::samplers {

Tensor thresholded(const Tensor& x0, double ratio, double smallest, double largest) {
    const Tensor here = ops::to(x0, Device::cpu);
    Tensor result(here.shape());
    const auto each = static_cast<std::size_t>(here.size() / here.dim(0));
    for (std::int64_t n = 0; n < here.dim(0); ++n) {
        const auto values = here.values().subspan(n * each, each);
        std::vector<float> sizes;
        for (const float value : values) sizes.push_back(std::abs(value));
        std::ranges::sort(sizes);
        // between two of them linearly, as torch.quantile
        const double place = ratio * static_cast<double>(each - 1);
        const auto low = static_cast<std::size_t>(place);
        const double quantile = std::lerp(sizes[low], sizes[std::min(low + 1, each - 1)],
                                          place - static_cast<double>(low));
        const auto s = static_cast<float>(std::clamp(quantile, smallest, largest));
        std::ranges::transform(values, result.values().begin() + n * each,
                               [s](float value) { return std::clamp(value, -s, s) / s; });
    }
    return ops::to(result, x0.device());
}

ChangeX0 change_x0(const SchedulerSettings& settings) {
    if (settings.asks_for("thresholding")) {
        return [ratio = settings.get<double>("dynamic_thresholding_ratio"),
                most = settings.get<double>("sample_max_value")](const Tensor& x0, const Tensor&,
                                                                 double) {
            return thresholded(x0, ratio, 1, std::max(most, 1.0));
        };
    }
    if (settings.asks_for("clip_sample")) {
        return
            [range = settings.get<float>("clip_sample_range")](
                const Tensor& x0, const Tensor&, double) { return ops::clamp(x0, -range, range); };
    }
    return {};
}

}  // namespace ldm::samplers
