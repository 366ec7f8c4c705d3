#pragma once

#include <cudnn.h>

#include <mutex>
#include <source_location>
#include <string>

#include "common/device/cuda.cuh"

/// What all that goes through cuDNN shares, in a program that was built with it (build::has_cudnn).
namespace ldm::cuda {

/// An Error that says what cuDNN says, unless all went well.
inline void check(cudnnStatus_t status,
                  std::source_location where = std::source_location::current()) {
    if (status != CUDNN_STATUS_SUCCESS)
        fail(std::string("cuDNN: ") + cudnnGetErrorString(status), where);
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

/// Plans that want more workspace than this are left alone: an eighth of the GPU's memory.
inline std::size_t most_cudnn_workspace() {
    static const std::size_t bytes = [] {
        std::size_t free = 0, total = 0;
        check(cudaMemGetInfo(&free, &total));
        return total / 8;
    }();
    return bytes;
}

}  // namespace ldm::cuda
