#include "common/tensor/shape.h"

#include <fmt/ranges.h>

namespace ldm {

std::int64_t element_count(const Shape& shape) {
    std::int64_t count = 1;
    for (std::int64_t extent : shape) count *= extent;
    return count;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace ldm
