#pragma once

/// What this program was built with.
namespace ldm::build {

/// Whether it has a CUDA half (LDM_CUDA in CMake). Not whether there is a GPU: see common/device/device.h.
inline constexpr bool has_cuda = LDM_HAS_CUDA;

}  // namespace ldm::build
