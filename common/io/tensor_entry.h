#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ldm::io {

/// The element types that the project reads.
enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean, f8_e4m3, f8_e5m2 };

/// "F32", "BF16", … as safetensors spells them.
std::string_view name_of(DType dtype);
std::optional<DType> dtype_named(std::string_view name);
std::size_t size_of(DType dtype);

/// Whether it is one of f64, f32, f16, bf16, f8_e4m3 (torch.float8_e4m3fn), f8_e5m2.
bool is_floating_point(DType dtype);

/// One tensor of a file: row-major, little-endian, and only a view. Nothing says that `bytes` is
/// aligned for its type: copy it out with the functions below.
struct TensorEntry {
    std::string name;
    DType dtype = DType::f32;
    std::vector<std::int64_t> shape;
    std::span<const std::byte> bytes;

    std::size_t count() const { return bytes.size() / size_of(dtype); }
};

/// The elements as float32, whatever floating type or integer they are stored in (large tensors in
/// parallel). `to` has count() elements, otherwise ldm::Error.
void read_floats(const TensorEntry& entry, std::span<float> to);
std::vector<float> read_floats(const TensorEntry& entry);

/// The elements of a tensor of 8-bit floats as float16, which has each of these numbers; ldm::Error
/// for another type.
std::vector<std::uint16_t> read_halves(const TensorEntry& entry);

/// The elements as doubles.
std::vector<double> read_doubles(const TensorEntry& entry);

/// The elements of an integer or boolean tensor; ldm::Error for a floating type.
std::vector<std::int64_t> read_integers(const TensorEntry& entry);

/// How many elements are NaN or infinite; 0 for integers. One such weight is enough to make every
/// picture of a model a single colour.
[[nodiscard]] std::size_t count_not_finite(const TensorEntry& entry);

/// "[2, 3]"
std::string shape_text(std::span<const std::int64_t> shape);

/// Describes values that the caller keeps alive, for write_safetensors.
TensorEntry entry_of(std::string name, std::vector<std::int64_t> shape,
                     std::span<const float> values);
TensorEntry entry_of(std::string name, std::vector<std::int64_t> shape,
                     std::span<const std::int32_t> values);

}  // namespace ldm::io
