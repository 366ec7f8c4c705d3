#pragma once

#include "common/random/torch_random.h"

namespace ldm::super_resolution {

/// A number with the Poisson distribution of this mean (0 or more): how many photons a pixel
/// counts when so many are expected. Below 10 by multiplying uniform numbers (Knuth), from there on
/// by rejection (W. Hörmann, "The transformed rejection method for generating Poisson random
/// variables", 1993, algorithm PTRS). Not NumPy's stream.
[[nodiscard]] double draw_poisson(double mean, random::TorchGenerator& generator);

}  // namespace ldm::super_resolution
