#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ldm::ops {

/// What goes through cuDNN on a GPU, in a program that was built with it, where it can; the rest is
/// done by this project's kernels.
struct CudnnUse {
    bool conv2d = true;
    /// attention's forward pass, in 16 bits only
    bool attention = false;

    auto operator<=>(const CudnnUse&) const = default;
};

/// Of "conv2d", "attention" and "none"; another name, or anything but none in a program without
/// cuDNN, is an Error.
[[nodiscard]] CudnnUse cudnn_use_from(const std::vector<std::string>& names);
[[nodiscard]] std::string name_of(CudnnUse use);

/// Sets what goes through cuDNN for the ops that this thread calls; restores the previous setting
/// on destruction.
class [[nodiscard]] WithCudnn {
public:
    explicit WithCudnn(CudnnUse use);
    ~WithCudnn();
    WithCudnn(const WithCudnn&) = delete;
    WithCudnn& operator=(const WithCudnn&) = delete;

private:
    CudnnUse previous_;
};

/// How many convolutions and attentions cuDNN was given so far, so that a measurement can say
/// whether it was cuDNN that it measured.
struct CudnnCount {
    std::int64_t conv2d = 0, attention = 0;
};
[[nodiscard]] CudnnCount through_cudnn();
void count_through_cudnn(CudnnCount more);

}  // namespace ldm::ops
