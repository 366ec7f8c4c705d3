#pragma once

#include <utility>
#include <vector>

#include "common/device/build.h"
#include "common/tensor/tensor.h"

namespace ldm::ops {

/// Finds out where the tensors among some arguments lie.
class CommonDevice {
public:
    /// An Error that shows both when x lies elsewhere than those before. An empty tensor lies
    /// nowhere.
    void see(const Tensor& x);
    void see(const std::vector<Tensor>& xs) {
        for (const Tensor& x : xs) see(x);
    }
    template <class T>
    // no tensor
    void see(const T&) {}

    Device device() const { return first_ ? first_->device() : Device::cpu; }

private:
    const Tensor* first_ = nullptr;
};

/// Every op has a function for the CPU and one with the same name and parameters for a GPU. This is
/// both:
///
///     constexpr OnDevice<cpu::softmax, cuda::softmax> softmax_of;
///     Tensor y = softmax_of(x);  // cuda::softmax where x lies on the GPU
///
/// In a program without CUDA the second is never mentioned again, and need not exist.
template <auto on_cpu, auto on_cuda>
struct OnDevice {
    template <class... Arguments>
    auto operator()(Arguments&&... arguments) const {
        if constexpr (build::has_cuda) {
            CommonDevice common;
            (common.see(arguments), ...);
            if (common.device() == Device::cuda)
                return on_cuda(std::forward<Arguments>(arguments)...);
        }
        return on_cpu(std::forward<Arguments>(arguments)...);
    }
};

}  // namespace ldm::ops
