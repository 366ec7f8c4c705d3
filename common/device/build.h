#pragma once

/// What this program was built with.
namespace ldm::build {

/// Whether it has a CUDA half (LDM_CUDA in CMake). Not whether there is a GPU: see
/// common/device/device.h.
inline constexpr bool has_cuda = LDM_HAS_CUDA;

/// Whether that half has cuDNN's convolutions beside this project's own: where CMake found the
/// library (LDM_CUDNN).
inline constexpr bool has_cudnn = LDM_HAS_CUDNN;

}  // namespace ldm::build
