#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <vector>

#include "common/device/device.h"
#include "common/error.h"
#include "common/tensor/shape.h"

namespace ldm {

/// On a CPU f16 and bf16 can only be stored (ops::to makes f32 of them); a GPU computes with them.
enum class DType { f32, i32, f16, bf16 };
std::string name_of(DType dtype);

/// "f32", "f16" or "bf16"; another name is an Error.
DType dtype_from(const std::string& name);
std::int64_t bytes_of(DType dtype);

/// A block of numbers with a shape: row-major, contiguous, N C H W for pictures; on one device.
///
/// Copying a Tensor copies a handle; the numbers are shared. reshape() shares them too. Everything
/// else (the functions of ldm::ops) returns new numbers and leaves its arguments alone.
///
/// A default-constructed Tensor holds nothing and is false in a condition: `if (bias) …`.
class Tensor {
public:
    Tensor() = default;

    /// Numbers not yet written. Throws when an extent is negative or the size overflows.
    explicit Tensor(Shape shape, DType dtype = DType::f32, Device device = Device::cpu);

    // What these make is on the CPU; ops::to (common/ops/transfer.h) brings it elsewhere.
    [[nodiscard]] static Tensor zeros(Shape shape);
    [[nodiscard]] static Tensor full(Shape shape, float value);
    [[nodiscard]] static Tensor scalar(float value) { return full({}, value); }
    [[nodiscard]] static Tensor from(Shape shape, std::span<const float> values);
    [[nodiscard]] static Tensor from(Shape shape, std::initializer_list<float> values) {
        return from(std::move(shape), std::span(values.begin(), values.size()));
    }
    [[nodiscard]] static Tensor ints(Shape shape, std::span<const std::int32_t> values);

    /// Numbers that live elsewhere and are only read, such as in a mapped file; `owner` keeps them
    /// alive.
    [[nodiscard]] static Tensor borrow(Shape shape, const void* data,
                                       std::shared_ptr<const void> owner, DType dtype = DType::f32);

    explicit operator bool() const { return storage_ != nullptr; }

    const Shape& shape() const { return shape_; }
    DType dtype() const { return dtype_; }
    Device device() const { return device_; }
    std::int64_t size() const { return size_; }
    int rank() const { return static_cast<int>(shape_.size()); }

    /// The extent of one axis; -1 is the last.
    std::int64_t dim(int axis) const;

    /// All extents at once: `const auto [n, c, h, w] = x.dims<4>();`. Throws for another rank.
    template <int rank>
    std::array<std::int64_t, rank> dims(
        std::source_location where = std::source_location::current()) const {
        if (this->rank() != rank)
            fail("expected " + std::to_string(rank) + " axes, got " + to_string(shape_), where);
        std::array<std::int64_t, rank> extents;
        for (int i = 0; i < rank; ++i) extents[i] = shape_[i];
        return extents;
    }

    /// Whether the numbers may only be read (see borrow()). To ask for them without const is then
    /// an Error: a write to a mapped file would end the program.
    bool read_only() const { return read_only_; }

    /// Makes the numbers read-only for good, and says whether it could: not while another handle
    /// may write to them.
    [[nodiscard]] bool freeze();

    /// On the CPU; an Error for a tensor that is on another device or has other numbers.
    const float* data() const;
    float* data();
    std::span<const float> values() const { return {data(), static_cast<std::size_t>(size_)}; }
    std::span<float> values() { return {data(), static_cast<std::size_t>(size_)}; }

    const std::int32_t* ints() const;
    std::int32_t* ints();

    /// Where the numbers lie, on whatever device, for those who know what is there.
    const void* address() const { return storage_.get(); }
    void* address() {
        if (read_only_) fail_read_only();
        return storage_.get();
    }

    /// The only number of a tensor of one element, fetched if it is on a GPU.
    float item() const;

    /// The same numbers under another shape; one extent may be -1 and is worked out, which takes
    /// others that are not 0.
    [[nodiscard]] Tensor reshape(
        const Shape& shape, std::source_location where = std::source_location::current()) const;

    /// Names the numbers, not the handle: equal for tensors that share them, and never given again,
    /// so it may be kept when the numbers are gone. 0 for a tensor that holds nothing.
    std::uint64_t id() const { return storage_ ? id_ : 0; }

private:
    void* on_cpu(DType expected) const;
    [[noreturn]] void fail_read_only() const;

    Shape shape_;
    std::int64_t size_ = 0;
    DType dtype_ = DType::f32;
    Device device_ = Device::cpu;
    bool read_only_ = false;
    std::uint64_t id_ = 0;
    std::shared_ptr<void> storage_;
};

/// A tensor of x's type where x is, not yet written.
[[nodiscard]] inline Tensor like(const Tensor& x, Shape shape) {
    return Tensor(std::move(shape), x.dtype(), x.device());
}

/// Throws "expected [2, 128], got [2, 64]" with the place of the call when the shapes differ.
void expect_shape(const Tensor& x, const Shape& expected,
                  std::source_location where = std::source_location::current());

}  // namespace ldm
