#include "common/io/tensor_entry.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "common/error.h"
#include "common/io/float8.h"
#include "common/io/half.h"

namespace ldm::io {
namespace {

struct DTypeInfo {
    DType dtype;
    std::string_view name;
    std::size_t size;
};

constexpr std::array<DTypeInfo, 12> dtypes = {{{DType::f64, "F64", 8},
                                               {DType::f32, "F32", 4},
                                               {DType::f16, "F16", 2},
                                               {DType::bf16, "BF16", 2},
                                               {DType::i64, "I64", 8},
                                               {DType::i32, "I32", 4},
                                               {DType::i16, "I16", 2},
                                               {DType::i8, "I8", 1},
                                               {DType::u8, "U8", 1},
                                               {DType::boolean, "BOOL", 1},
                                               {DType::f8_e4m3, "F8_E4M3", 1},
                                               {DType::f8_e5m2, "F8_E5M2", 1}}};

/// Converts in pieces that stay in the cache: first to an aligned copy, then to the wanted type.
template <typename Stored, typename To, typename Convert>
void convert(std::span<const std::byte> bytes, std::span<To> to, Convert convert_element) {
    constexpr std::size_t piece = 4096;
    const auto count = static_cast<std::int64_t>(to.size());
#pragma omp parallel for schedule(static) if (count > 1 << 20)
    for (std::int64_t start = 0; start < count; start += piece) {
        const std::size_t length = std::min<std::size_t>(piece, count - start);
        std::array<Stored, piece> stored;
        std::memcpy(stored.data(), bytes.data() + start * sizeof(Stored), length * sizeof(Stored));
        To* target = to.data() + start;
#pragma omp simd
        for (std::size_t i = 0; i < length; ++i) target[i] = convert_element(stored[i]);
    }
}

template <typename To>
void read_numbers(const TensorEntry& entry, std::span<To> to) {
    expect(to.size() == entry.count(), fmt::format("'{}' has {} elements, got room for {}",
                                                   entry.name, entry.count(), to.size()));
    const auto cast = [](auto x) { return static_cast<To>(x); };
    switch (entry.dtype) {
        case DType::f64:
            return convert<double>(entry.bytes, to, cast);
        case DType::f32:
            return convert<float>(entry.bytes, to, cast);
        case DType::f16:
            return convert<std::uint16_t>(
                entry.bytes, to, [](std::uint16_t x) { return static_cast<To>(half_to_float(x)); });
        case DType::bf16:
            return convert<std::uint16_t>(entry.bytes, to, [](std::uint16_t x) {
                return static_cast<To>(bfloat16_to_float(x));
            });
        case DType::i64:
            return convert<std::int64_t>(entry.bytes, to, cast);
        case DType::i32:
            return convert<std::int32_t>(entry.bytes, to, cast);
        case DType::i16:
            return convert<std::int16_t>(entry.bytes, to, cast);
        case DType::i8:
            return convert<std::int8_t>(entry.bytes, to, cast);
        case DType::u8:
        case DType::boolean:
            return convert<std::uint8_t>(entry.bytes, to, cast);
        case DType::f8_e4m3:
            return convert<std::uint8_t>(entry.bytes, to, [](std::uint8_t x) {
                return static_cast<To>(float8_e4m3_to_float(x));
            });
        case DType::f8_e5m2:
            return convert<std::uint8_t>(entry.bytes, to, [](std::uint8_t x) {
                return static_cast<To>(float8_e5m2_to_float(x));
            });
    }
}

/// Counts the elements all of whose bits in `exponent` are ones: infinities and NaN. (The NaN of
/// F8_E4M3, which has no infinities, has all its bits but the sign.)
template <typename Bits>
std::size_t count_full_exponents(std::span<const std::byte> bytes, Bits exponent) {
    const auto count = static_cast<std::int64_t>(bytes.size() / sizeof(Bits));
    std::int64_t found = 0;
#pragma omp parallel for simd schedule(static) reduction(+ : found) if (count > 1 << 20)
    for (std::int64_t i = 0; i < count; ++i) {
        Bits bits;
        std::memcpy(&bits, bytes.data() + i * static_cast<std::int64_t>(sizeof(Bits)),
                    sizeof(Bits));
        found += (bits & exponent) == exponent;
    }
    return static_cast<std::size_t>(found);
}

}  // namespace

bool is_floating_point(DType dtype) {
    using enum DType;
    return dtype == f64 || dtype == f32 || dtype == f16 || dtype == bf16 || dtype == f8_e4m3 ||
           dtype == f8_e5m2;
}

std::string_view name_of(DType dtype) { return dtypes[static_cast<std::size_t>(dtype)].name; }

std::size_t size_of(DType dtype) { return dtypes[static_cast<std::size_t>(dtype)].size; }

std::optional<DType> dtype_named(std::string_view name) {
    for (const DTypeInfo& info : dtypes)
        if (info.name == name) return info.dtype;
    return std::nullopt;
}

void read_floats(const TensorEntry& entry, std::span<float> to) { read_numbers(entry, to); }

std::vector<float> read_floats(const TensorEntry& entry) {
    std::vector<float> values(entry.count());
    read_numbers(entry, std::span(values));
    return values;
}

std::vector<std::uint16_t> read_halves(const TensorEntry& entry) {
    expect(entry.dtype == DType::f8_e4m3 || entry.dtype == DType::f8_e5m2,
           fmt::format("'{}' expected 8-bit floats, got {}", entry.name, name_of(entry.dtype)));
    std::vector<std::uint16_t> halves(entry.count());
    const auto to_float =
        entry.dtype == DType::f8_e4m3 ? float8_e4m3_to_float : float8_e5m2_to_float;
    // each number once
    std::array<std::uint16_t, 256> table;
    for (int i = 0; i < 256; ++i) table[i] = float_to_half(to_float(static_cast<std::uint8_t>(i)));
    const std::byte* stored = entry.bytes.data();
    const auto count = static_cast<std::int64_t>(halves.size());
#pragma omp parallel for schedule(static) if (count > 1 << 20)
    for (std::int64_t i = 0; i < count; ++i) halves[i] = table[static_cast<std::size_t>(stored[i])];
    return halves;
}

std::vector<double> read_doubles(const TensorEntry& entry) {
    std::vector<double> values(entry.count());
    read_numbers(entry, std::span(values));
    return values;
}

std::vector<std::int64_t> read_integers(const TensorEntry& entry) {
    expect(!is_floating_point(entry.dtype),
           fmt::format("'{}' expected integers, got {}", entry.name, name_of(entry.dtype)));
    std::vector<std::int64_t> values(entry.count());
    read_numbers(entry, std::span(values));
    return values;
}

std::size_t count_not_finite(const TensorEntry& entry) {
    switch (entry.dtype) {
        case DType::f64:
            return count_full_exponents<std::uint64_t>(entry.bytes, 0x7FF0'0000'0000'0000);
        case DType::f32:
            return count_full_exponents<std::uint32_t>(entry.bytes, 0x7F80'0000);
        case DType::f16:
            return count_full_exponents<std::uint16_t>(entry.bytes, 0x7C00);
        case DType::bf16:
            return count_full_exponents<std::uint16_t>(entry.bytes, 0x7F80);
        case DType::f8_e4m3:
            return count_full_exponents<std::uint8_t>(entry.bytes, 0x7F);
        case DType::f8_e5m2:
            return count_full_exponents<std::uint8_t>(entry.bytes, 0x7C);
        default:
            return 0;
    }
}

std::string shape_text(std::span<const std::int64_t> shape) {
    std::string text = "[";
    for (const std::int64_t extent : shape) {
        if (text.size() > 1) text += ", ";
        text += std::to_string(extent);
    }
    return text + "]";
}

TensorEntry entry_of(std::string name, std::vector<std::int64_t> shape,
                     std::span<const float> values) {
    return {std::move(name), DType::f32, std::move(shape), std::as_bytes(values)};
}

TensorEntry entry_of(std::string name, std::vector<std::int64_t> shape,
                     std::span<const std::int32_t> values) {
    return {std::move(name), DType::i32, std::move(shape), std::as_bytes(values)};
}

}  // namespace ldm::io
