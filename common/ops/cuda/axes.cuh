#pragma once

#include <string>

#include "common/device/cuda.cuh"

/// Iterates over the axes of two tensors at once.
namespace ldm::cuda {

/// Axes, innermost first, and how far apart neighbours along them lie in the tensors a and b.
/// `Index` has 32 bits where that is enough: a division of 64 takes a GPU longer than to fetch the
/// number.
template <class Index>
class Axes {
public:
    /// At most six, or an Error.
    void push(std::int64_t extent, std::int64_t step_a, std::int64_t step_b) {
        expect(count_ < most, "a tensor with more than " + std::to_string(most) + " axes");
        extents_[count_] = static_cast<Index>(extent);
        steps_a_[count_] = static_cast<Index>(step_a);
        steps_b_[count_] = static_cast<Index>(step_b);
        ++count_;
    }

    struct Place {
        Index a, b;
    };

    /// Where element `index` lies.
    __device__ Place operator[](Index index) const {
        Place place{0, 0};
// what a loop chooses by index would be copied from the kernel's arguments to memory first
#pragma unroll
        for (int i = 0; i < most; ++i) {
            if (i == count_) break;
            const Index along = index % extents_[i];
            index /= extents_[i];
            place.a += along * steps_a_[i];
            place.b += along * steps_b_[i];
        }
        return place;
    }

private:
    static constexpr int most = 6;
    int count_ = 0;
    Index extents_[most]{}, steps_a_[most]{}, steps_b_[most]{};
};

/// Calls f with a number of the narrowest type that can count to `size`.
template <class F>
void with_index(std::int64_t size, F f) {
    if (size <= std::numeric_limits<std::int32_t>::max())
        f(std::uint32_t{});
    else
        f(std::uint64_t{});
}

}  // namespace ldm::cuda
