#include "common/io/strided_copy.h"

#include <cstring>

#include "common/error.h"

namespace ldm::io {
namespace {

constexpr std::uint64_t too_many = std::uint64_t{1} << 60;

template <std::size_t size>
void copy(const std::byte* array, std::byte* to, std::span<const std::int64_t> shape,
          std::span<const std::int64_t> strides, const StridedPlace& place) {
    std::vector<std::int64_t> index(shape.size(), 0);
    // unsigned, for the stride of an axis of one element may be anything
    std::uint64_t from = place.first;
    for (std::uint64_t done = 0; done < place.count; ++done) {
        std::memcpy(to + done * size, array + from * size, size);
        // the last axis is the fastest; an axis that is through starts again
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            const auto stride = static_cast<std::uint64_t>(strides[axis]);
            from += stride;
            if (++index[axis] < shape[axis]) break;
            from -= static_cast<std::uint64_t>(shape[axis]) * stride;
            index[axis] = 0;
        }
    }
}

}  // namespace

std::optional<StridedPlace> strided_place(std::span<const std::int64_t> shape,
                                          std::span<const std::int64_t> strides,
                                          std::int64_t offset, std::uint64_t available) {
    StridedPlace place{
        .first = static_cast<std::uint64_t>(offset), .count = 1, .is_row_major = true};
    for (const std::int64_t extent : shape) {
        if (extent == 0) return StridedPlace{.is_row_major = true};
        if (__builtin_mul_overflow(place.count, static_cast<std::uint64_t>(extent), &place.count) ||
            place.count >= too_many)
            return std::nullopt;
    }
    std::uint64_t last = place.first, expected = 1;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        const auto extent = static_cast<std::uint64_t>(shape[axis]);
        const auto stride = static_cast<std::uint64_t>(strides[axis]);
        // along an axis of one element nobody walks
        if (extent == 1) continue;
        std::uint64_t reach = 0;
        if (__builtin_mul_overflow(extent - 1, stride, &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return std::nullopt;
        place.is_row_major &= stride == expected;
        expected *= extent;
    }
    if (last >= available) return std::nullopt;
    return place;
}

std::vector<std::byte> strided_copy(std::span<const std::byte> array, std::size_t size,
                                    std::span<const std::int64_t> shape,
                                    std::span<const std::int64_t> strides,
                                    const StridedPlace& place) {
    std::vector<std::byte> copied(place.count * size);
    switch (size) {
        case 1:
            copy<1>(array.data(), copied.data(), shape, strides, place);
            return copied;
        case 2:
            copy<2>(array.data(), copied.data(), shape, strides, place);
            return copied;
        case 4:
            copy<4>(array.data(), copied.data(), shape, strides, place);
            return copied;
        case 8:
            copy<8>(array.data(), copied.data(), shape, strides, place);
            return copied;
        default:
            fail("elements have 1, 2, 4 or 8 bytes");
    }
}

}  // namespace ldm::io
