#include "common/tensor/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>

#include "common/device/build.h"
#include "common/device/cuda_device.h"
#include "common/device/memory.h"

namespace ldm {
namespace {

constexpr std::int64_t most_bytes_per_element = 4;

/// How many elements there are, or nothing when an extent is negative or the size overflows.
std::optional<std::int64_t> count_of(const Shape& shape) {
    std::int64_t count = 1;
    for (std::int64_t extent : shape) {
        std::int64_t bytes;
        if (extent < 0 || __builtin_mul_overflow(count, extent, &count) ||
            __builtin_mul_overflow(count, most_bytes_per_element, &bytes))
            return std::nullopt;
    }
    return count;
}

std::int64_t checked_count(const Shape& shape) {
    const std::optional<std::int64_t> count = count_of(shape);
    if (!count) fail("no tensor has the shape " + to_string(shape));
    return *count;
}

std::uint64_t next_id() {
    static std::atomic<std::uint64_t> last = 0;
    return ++last;
}

std::shared_ptr<void> allocate_on(Device device, std::int64_t bytes) {
    if constexpr (build::has_cuda)
        if (device == Device::cuda) return cuda::allocate(bytes);
    expect_usable(device);
    return allocate(bytes);
}

}  // namespace

std::string name_of(DType dtype) {
    switch (dtype) {
        case DType::f32:
            return "float32";
        case DType::i32:
            return "int32";
        case DType::f16:
            return "float16";
        case DType::bf16:
            return "bfloat16";
    }
    fail("no such type");
}

DType dtype_from(const std::string& name) {
    if (name == "f32") return DType::f32;
    if (name == "f16") return DType::f16;
    if (name == "bf16") return DType::bf16;
    throw Error("the type is '" + name + "', expected f32, f16 or bf16");
}

std::int64_t bytes_of(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16 ? 2 : 4; }

Tensor::Tensor(Shape shape, DType dtype, Device device)
    : shape_(std::move(shape)),
      size_(checked_count(shape_)),
      dtype_(dtype),
      device_(device),
      id_(next_id()),
      storage_(allocate_on(device, size_ * bytes_of(dtype))) {}

Tensor Tensor::zeros(Shape shape) { return full(std::move(shape), 0.0f); }

Tensor Tensor::full(Shape shape, float value) {
    Tensor x(std::move(shape));
    std::ranges::fill(x.values(), value);
    return x;
}

Tensor Tensor::from(Shape shape, std::span<const float> values) {
    Tensor x(std::move(shape));
    if (x.size() != static_cast<std::int64_t>(values.size()))
        fail(fmt::format("{} numbers for the shape {}", values.size(), to_string(x.shape())));
    std::ranges::copy(values, x.data());
    return x;
}

Tensor Tensor::ints(Shape shape, std::span<const std::int32_t> values) {
    Tensor x(std::move(shape), DType::i32);
    if (x.size() != static_cast<std::int64_t>(values.size()))
        fail(fmt::format("{} numbers for the shape {}", values.size(), to_string(x.shape())));
    std::ranges::copy(values, x.ints());
    return x;
}

Tensor Tensor::borrow(Shape shape, const void* data, std::shared_ptr<const void> owner,
                      DType dtype) {
    Tensor x;
    x.shape_ = std::move(shape);
    x.size_ = checked_count(x.shape_);
    x.id_ = next_id();
    x.dtype_ = dtype;
    x.read_only_ = true;
    // whoever wants them without const is refused by read_only_
    x.storage_ = std::shared_ptr<void>(std::const_pointer_cast<void>(std::move(owner)),
                                       const_cast<void*>(data));
    return x;
}

std::int64_t Tensor::dim(int axis) const {
    const int i = axis < 0 ? axis + rank() : axis;
    if (i < 0 || i >= rank()) fail(fmt::format("no axis {} in {}", axis, to_string(shape_)));
    return shape_[i];
}

void* Tensor::on_cpu(DType expected) const {
    if (dtype_ != expected || device_ != Device::cpu)
        fail(fmt::format("expected {} on the cpu, got {} {} on {}", name_of(expected),
                         name_of(dtype_), to_string(shape_), name_of(device_)));
    return storage_.get();
}

void Tensor::fail_read_only() const {
    fail("the numbers of " + to_string(shape_) +
         " may only be read (they lie in a mapped file, or are a frozen weight); write to a copy");
}

bool Tensor::freeze() {
    if (!read_only_ && storage_.use_count() > 1) return false;
    return read_only_ = true;
}

const float* Tensor::data() const { return static_cast<const float*>(on_cpu(DType::f32)); }
float* Tensor::data() {
    if (read_only_) fail_read_only();
    return static_cast<float*>(on_cpu(DType::f32));
}
const std::int32_t* Tensor::ints() const {
    return static_cast<const std::int32_t*>(on_cpu(DType::i32));
}
std::int32_t* Tensor::ints() { return static_cast<std::int32_t*>(on_cpu(DType::i32)); }

float Tensor::item() const {
    if (size_ != 1) fail("expected one number, got " + to_string(shape_));
    if constexpr (build::has_cuda)
        if (device_ == Device::cuda && dtype_ == DType::f32) {
            float number;
            cuda::copy_to_host(&number, address(), sizeof number);
            return number;
        }
    return *data();
}

Tensor Tensor::reshape(const Shape& shape, std::source_location where) const {
    Shape complete = shape;
    const auto unknown = std::ranges::find(complete, -1);
    if (unknown != complete.end()) {
        // of the others; a second -1 is no extent and makes it nothing
        *unknown = 1;
        const std::int64_t known = count_of(complete).value_or(0);
        *unknown = known > 0 ? size_ / known : -1;
    }
    if (count_of(complete) != size_)
        fail(fmt::format("cannot reshape {} to {}", to_string(shape_), to_string(shape)), where);
    Tensor view = *this;
    view.shape_ = std::move(complete);
    return view;
}

void expect_shape(const Tensor& x, const Shape& expected, std::source_location where) {
    if (x.shape() != expected)
        fail(fmt::format("expected {}, got {}", to_string(expected), to_string(x.shape())), where);
}

}  // namespace ldm
