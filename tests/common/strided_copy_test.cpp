#include "common/io/strided_copy.h"

#include <cstring>
#include <numeric>
#include <random>

#include "tests/support/catch.h"

using namespace ldm;
using namespace ldm::io;

namespace {

using Counts = std::vector<std::int64_t>;

/// The elements by the definition, one by one; nothing when one lies beyond the array.
template <typename T>
std::optional<std::vector<T>> by_definition(const std::vector<T>& array, const Counts& shape,
                                            const Counts& strides, std::int64_t offset) {
    const std::int64_t count =
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    std::vector<T> elements;
    for (std::int64_t k = 0; k < count; ++k) {
        std::int64_t rest = k, at = offset;
        for (std::size_t axis = shape.size(); axis-- > 0; rest /= shape[axis])
            at += rest % shape[axis] * strides[axis];
        if (at >= std::ssize(array)) return std::nullopt;
        elements.push_back(array[at]);
    }
    return elements;
}

template <typename T>
void check_many() {
    std::mt19937 random(5);
    const auto below = [&](int n) { return static_cast<std::int64_t>(random() % n); };
    std::vector<T> array(24);
    std::iota(array.begin(), array.end(), T{1});
    int refused = 0, row_major = 0;
    for (int trial = 0; trial < 2000; ++trial) {
        Counts shape(below(4)), strides(shape.size());
        for (auto& extent : shape) extent = below(10) == 0 ? 0 : 1 + below(4);
        std::int64_t stride = 1;
        for (std::size_t axis = shape.size(); axis-- > 0; stride *= shape[axis])
            strides[axis] = below(3) == 0 ? below(12) : stride;
        const std::int64_t offset = below(8);
        const auto expected = by_definition(array, shape, strides, offset);
        const auto place = strided_place(shape, strides, offset, array.size());
        REQUIRE(place.has_value() == expected.has_value());
        refused += !place;
        if (!place) continue;
        REQUIRE(place->count == expected->size());
        const auto bytes = std::as_bytes(std::span(array));
        const auto copied = strided_copy(bytes, sizeof(T), shape, strides, *place);
        REQUIRE(copied.size() == expected->size() * sizeof(T));
        REQUIRE(
            (copied.empty() || std::memcmp(copied.data(), expected->data(), copied.size()) == 0));
        row_major += place->is_row_major;
        if (place->is_row_major && place->count > 0)
            REQUIRE(std::memcmp(array.data() + place->first, expected->data(), copied.size()) == 0);
    }
    CHECK(refused > 100);
    CHECK(row_major > 100);
}

}  // namespace

TEST_CASE("strided copy: offsets, shapes and strides mean what they mean element by element") {
    check_many<std::uint8_t>();
    check_many<std::uint16_t>();
    check_many<float>();
    check_many<double>();
}

TEST_CASE("strided copy: what overflows is refused") {
    const std::int64_t huge = std::int64_t{1} << 62;
    const Counts two_huge = {huge, huge}, one_huge = {huge}, zeros = {0, 0}, three = {3}, one = {1};
    CHECK_FALSE(strided_place(two_huge, zeros, 0, 10));
    CHECK_FALSE(strided_place(one_huge, one, 0, 10));
    CHECK_FALSE(strided_place(three, one_huge, 0, 10));
    CHECK_FALSE(strided_place(one, one, huge, 10));
    CHECK(strided_place(one, one_huge, 9, 10)->is_row_major);
}
