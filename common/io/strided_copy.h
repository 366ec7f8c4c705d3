#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ldm::io {

/// Where the elements of a tensor with strides lie in an array.
struct StridedPlace {
    /// index of the first element
    std::uint64_t first = 0;
    /// how many elements the shape has
    std::uint64_t count = 0;
    /// whether they lie one after the other in row-major order
    bool is_row_major = false;
};

/// The place of the elements `offset` + sum of index[i] * stride[i] in an array of `available`
/// elements; all of `shape`, `strides` and `offset` are at least 0. Nothing when an element would
/// lie beyond the array, or when the shape has 2^60 elements or more.
[[nodiscard]] std::optional<StridedPlace> strided_place(std::span<const std::int64_t> shape,
                                                        std::span<const std::int64_t> strides,
                                                        std::int64_t offset,
                                                        std::uint64_t available);

/// The elements, each of `size` bytes (1, 2, 4 or 8), in row-major order.
[[nodiscard]] std::vector<std::byte> strided_copy(std::span<const std::byte> array,
                                                  std::size_t size,
                                                  std::span<const std::int64_t> shape,
                                                  std::span<const std::int64_t> strides,
                                                  const StridedPlace& place);

}  // namespace ldm::io
