#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ldm {

/// The extent of every axis, outermost first: a batch of pictures is {N, C, H, W}. A scalar is {}.
using Shape = std::vector<std::int64_t>;

/// How many elements a tensor of this shape has; 1 for a scalar.
std::int64_t element_count(const Shape& shape);

/// "[2, 320, 64, 64]"
std::string to_string(const Shape& shape);

}  // namespace ldm
