#pragma once

#include <cstdint>

#include "common/parallel.h"

namespace ldm::ops::cpu {

/// Elements that are worth a piece of their own in work as cheap as an addition.
inline constexpr std::int64_t elementwise_grain = 1 << 15;

}  // namespace ldm::ops::cpu
