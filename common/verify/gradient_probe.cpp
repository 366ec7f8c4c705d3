#include <algorithm>
#include <cmath>

#include "common/ops/transfer.h"
#include "common/random/procgen.h"
#include "common/verify/verify.h"

namespace ldm::verify {

Values gradient_probe(const std::string& key, const Tensor& anywhere) {
    const Tensor gradient = ops::to(anywhere, Device::cpu);
    const std::int64_t n = gradient.size();
    std::vector<float> noise(n);
    random::procgen_fill(key + "#probe", 1, 0.0, 1.0, noise);

    double sum = 0.0, squares = 0.0, dot = 0.0;
    for (std::int64_t i = 0; i < n; ++i) {
        const double g = gradient.data()[i];
        sum += g;
        squares += g * g;
        dot += g * noise[i];
    }
    std::vector<double> probe = {sum, std::sqrt(squares), dot};
    const std::int64_t samples = std::min<std::int64_t>(16, n);
    for (std::int64_t j = 0; j < samples; ++j) probe.push_back(gradient.data()[j * n / samples]);
    for (double& value : probe) value = static_cast<float>(value);
    const auto size = static_cast<std::int64_t>(probe.size());
    return {{size}, std::move(probe)};
}

}  // namespace ldm::verify
