#pragma once

#include "common/device/cuda.cuh"

#include <cudnn.h>
#include <mutex>
#include <source_location>
#include <string>

/// What all that goes through cuDNN shares, in a program that was built with it (build::has_cudnn).
namespace ldm::cuda {

/// An Error that says what cuDNN says, unless all went well.
inline void check(cudnnStatus_t status, std::source_location where = std::source_location::current()) {
    if (status != CUDNN_STATUS_SUCCESS) fail(std::string("cuDNN: ") + cudnnGetErrorString(status), where);
}

/// Held while the handle is in use: it serves one thread at a time.
inline std::mutex cudnn_mutex;

/// Of this process, working on stream().
inline cudnnHandle_t cudnn_handle() {
    static const cudnnHandle_t handle = [] {
        cudnnHandle_t created;
        check(cudnnCreate(&created));
        check(cudnnSetStream(created, stream()));
        return created;
    }();
    return handle;
}

/// Plans that want more workspace are left alone.
inline constexpr std::size_t most_cudnn_workspace = std::size_t{1} << 30;

}  // namespace ldm::cuda
