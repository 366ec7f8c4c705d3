#include "common/io/half.h"

#include "common/error.h"

namespace ldm::io {
namespace {

template <typename From, typename To, typename Convert>
void convert_all(std::span<const From> from, std::span<To> to, Convert convert) {
    expect(from.size() == to.size(), "both spans must have the same length");
    const From* source = from.data();
    To* target = to.data();
    const std::size_t count = from.size();
#pragma omp simd
    for (std::size_t i = 0; i < count; ++i) target[i] = convert(source[i]);
}

}  // namespace

void half_to_float(std::span<const std::uint16_t> from, std::span<float> to) {
    convert_all(from, to, [](std::uint16_t x) { return half_to_float(x); });
}

void float_to_half(std::span<const float> from, std::span<std::uint16_t> to) {
    convert_all(from, to, [](float x) { return float_to_half(x); });
}

void bfloat16_to_float(std::span<const std::uint16_t> from, std::span<float> to) {
    convert_all(from, to, [](std::uint16_t x) { return bfloat16_to_float(x); });
}

void float_to_bfloat16(std::span<const float> from, std::span<std::uint16_t> to) {
    convert_all(from, to, [](float x) { return float_to_bfloat16(x); });
}

}  // namespace ldm::io
