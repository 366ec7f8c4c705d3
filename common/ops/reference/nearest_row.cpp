#include "common/ops/reference/reference.h"

namespace ldm::ops::reference {

Tensor nearest_row(const Tensor& x, const Tensor& table) {
    const auto [points, width] = x.dims<2>();
    Tensor nearest({points}, DType::i32);
    for (std::int64_t p = 0; p < points; ++p) {
        double least = 0.0;
        for (std::int64_t r = 0; r < table.dim(0); ++r) {
            double distance = 0.0;
            for (std::int64_t i = 0; i < width; ++i) {
                const double difference =
                    static_cast<double>(x.data()[p * width + i]) - table.data()[r * width + i];
                distance += difference * difference;
            }
            if (r > 0 && distance >= least) continue;
            least = distance;
            nearest.ints()[p] = static_cast<std::int32_t>(r);
        }
    }
    return nearest;
}

}  // namespace ldm::ops::reference
