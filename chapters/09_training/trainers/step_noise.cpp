#include "chapters/09_training/trainers/step_noise.h"

#include "common/ops/transfer.h"
#include "common/random/philox.h"

namespace ldm::train {

random::TorchGenerator step_noise(std::uint64_t seed, std::int64_t step) {
    const auto n = static_cast<std::uint64_t>(step);
    const auto words = random::philox4x32(
        {static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32), 0, 0},
        {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
    return random::TorchGenerator(std::uint64_t{words[0]} << 32 | words[1]);
}

Tensor normal(random::TorchGenerator& noise, const Shape& shape, Device device) {
    Tensor x(shape);
    noise.normal(x.values());
    return ops::to(x, device);
}

}  // namespace ldm::train
