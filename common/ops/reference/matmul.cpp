#include "common/ops/reference/reference.h"

namespace ldm::ops::reference {

Tensor matmul(const Tensor& a, const Tensor& b) {
    const auto [m, k] = a.dims<2>();
    const std::int64_t n = b.dim(1);
    Tensor y({m, n});
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
            double sum = 0.0;
            for (std::int64_t l = 0; l < k; ++l)
                sum += static_cast<double>(a.data()[i * k + l]) * b.data()[l * n + j];
            y.data()[i * n + j] = static_cast<float>(sum);
        }
    return y;
}

}  // namespace ldm::ops::reference
