#pragma once

#include <algorithm>
#include <cstdint>

namespace ldm::image {

/// What a filter sees beyond the edges of a picture a b c d.
enum class Border {
    /// `c b | a b c d | c b`: the pixel at the edge is the mirror
    mirror,
    /// `b a | a b c d | d c`: the edge itself is the mirror, its pixel appears twice
    symmetric,
    /// `a a | a b c d | d d`
    repeat,
    /// `c d | a b c d | a b`
    wrap
};

/// Where on an axis of n pixels the value at i is taken from; i may be any number.
inline std::int64_t border_index(std::int64_t i, std::int64_t n, Border border) {
    if (i >= 0 && i < n) return i;
    const auto modulo = [&](std::int64_t period) { return ((i % period) + period) % period; };
    switch (border) {
        case Border::mirror: {
            if (n == 1) return 0;
            const std::int64_t place = modulo(2 * (n - 1));
            return std::min(place, 2 * (n - 1) - place);
        }
        case Border::symmetric: {
            const std::int64_t place = modulo(2 * n);
            return std::min(place, 2 * n - 1 - place);
        }
        case Border::repeat:
            return std::clamp<std::int64_t>(i, 0, n - 1);
        case Border::wrap:
            return modulo(n);
    }
    return 0;
}

}  // namespace ldm::image
