#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "common/random/torch_random.h"

namespace ldm::super_resolution {

/// What plans are drawn with.
class Lots {
public:
    explicit Lots(std::uint64_t seed) : generator_(seed) {}

    /// In [0, 1).
    double uniform() {
        std::array<float, 1> u;
        generator_.uniform(u);
        return u[0];
    }
    double uniform(double low, double high) { return std::lerp(low, high, uniform()); }
    /// In (0, high]: for what must not be 0.
    double above_zero(double high) { return high * (1 - uniform()); }
    bool happens(double probability) { return uniform() < probability; }
    /// From low to high, both included.
    int integer(int low, int high) {
        std::array<std::int64_t, 1> n;
        generator_.randint(low, high + 1, n);
        return static_cast<int>(n[0]);
    }
    template <class T, std::size_t n>
    T one_of(const std::array<T, n>& choices) {
        return choices[integer(0, n - 1)];
    }
    std::uint64_t seed() {
        std::array<std::int64_t, 1> n;
        generator_.randint(0, std::int64_t{1} << 53, n);
        return static_cast<std::uint64_t>(n[0]);
    }
    random::TorchGenerator& generator() { return generator_; }

private:
    random::TorchGenerator generator_;
};

}  // namespace ldm::super_resolution
