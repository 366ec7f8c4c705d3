#include "common/device/device.h"

#include <fmt/format.h>
#include <omp.h>

#include "common/device/build.h"
#include "common/device/cuda_device.h"
#include "common/error.h"

namespace ldm {

Device device_from(const std::string& name) {
    if (name == "cpu") return Device::cpu;
    if (name == "cuda") return Device::cuda;
    throw Error("the device is '" + name + "', expected cpu or cuda");
}

std::string name_of(Device device) { return device == Device::cuda ? "cuda" : "cpu"; }

void expect_usable(Device device) {
    if (device == Device::cpu) return;
    if constexpr (build::has_cuda) {
        const std::string why = cuda::why_unusable();
        if (why.empty()) return;
        throw Error("CUDA cannot be used: " + why);
    }
    throw Error(
        "this program was built without CUDA; build it with `cmake --workflow --preset cuda`");
}

std::string describe(Device device) {
    expect_usable(device);
    if constexpr (build::has_cuda)
        if (device == Device::cuda) return cuda::describe();
    return fmt::format("CPU, {} threads", omp_get_max_threads());
}

}  // namespace ldm
