#pragma once

#include <cuda_runtime.h>

#include <bit>
#include <cstdint>

namespace ldm::cuda {

/// Divides by a number that is known before the kernel starts: a multiplication and a shift, where
/// a division takes a GPU some twenty instructions (Granlund & Montgomery, 1994).
///
///     factor = 2^shift / d + e / d   with 0 <= e < d, and 2^shift >= 2^31 d
///
/// makes index * factor / 2^shift too large by index * e / (d 2^shift) < 1 / d, which is too little
/// to reach the next whole number.
class Divisor {
public:
    /// From 1 to 2^31 - 1.
    explicit Divisor(int divisor)
        : shift_(31 + std::bit_width(static_cast<unsigned>(divisor) - 1)),
          factor_(static_cast<unsigned>(
              ((std::uint64_t{1} << shift_) + static_cast<unsigned>(divisor) - 1) /
              static_cast<unsigned>(divisor))) {}

    /// index / divisor, for every index below 2^31.
    __host__ __device__ unsigned of(unsigned index) const {
        return static_cast<unsigned>(std::uint64_t{index} * factor_ >> shift_);
    }

private:
    int shift_;
    unsigned factor_;
};

}  // namespace ldm::cuda
