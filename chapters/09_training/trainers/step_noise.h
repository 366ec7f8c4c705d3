#pragma once

#include <cstdint>

#include "common/random/torch_random.h"
#include "common/tensor/tensor.h"

namespace ldm::train {

/// The random numbers of one step. They depend on the seed and the step, not on the steps before,
/// so that a training that is resumed has the noise it would have had.
random::TorchGenerator step_noise(std::uint64_t seed, std::int64_t step);

/// Standard normal numbers, the same on every device.
Tensor normal(random::TorchGenerator& noise, const Shape& shape, Device device = Device::cpu);

}  // namespace ldm::train
