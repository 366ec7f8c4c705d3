#include "common/ops/transfer.h"

#include <fmt/format.h>

#include "common/autograd/tape.h"
#include "common/device/cuda_device.h"
#include "common/ops/cpu/shape.h"
#include "common/ops/cuda/shape.h"
#include "common/ops/on_device.h"

namespace ldm::ops {

Tensor to(const Tensor& x, Device device) {
    if (!x || x.device() == device) return x;
    // an Error when this program cannot compute there
    Tensor y(x.shape(), x.dtype(), device);
    if constexpr (build::has_cuda) {
        const std::int64_t bytes = x.size() * bytes_of(x.dtype());
        device == Device::cuda ? ldm::cuda::copy_to_device(y.address(), x.address(), bytes)
                               : ldm::cuda::copy_to_host(y.address(), x.address(), bytes);
    }
    record(y, {x}, [from = x.device()](const Tensor& dy) -> Tensors { return {to(dy, from)}; });
    return y;
}

Tensor as_stored(std::span<const std::byte> numbers, Shape shape, DType dtype, Device device) {
    if (device == Device::cpu && dtype != DType::f32) return {};
    Tensor y(std::move(shape), dtype, device);
    expect(std::ssize(numbers) == y.size() * bytes_of(dtype),
           fmt::format("{} bytes for {} {}", numbers.size(), name_of(dtype), to_string(y.shape())));
    if constexpr (build::has_cuda)
        ldm::cuda::copy_to_device(y.address(), numbers.data(), std::ssize(numbers));
    return y;
}

Tensor to(const Tensor& x, DType dtype) {
    if (!x || x.dtype() == dtype) return x;
    Tensor y = OnDevice<cpu::to_type, cuda::to_type>()(x, dtype);
    record(y, {x}, [from = x.dtype()](const Tensor& dy) -> Tensors { return {to(dy, from)}; });
    return y;
}

}  // namespace ldm::ops
