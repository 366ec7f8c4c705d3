#include "common/report/gpu_timing.h"

#include <cmath>

#include "common/device/build.h"
#include "common/device/cuda_device.h"
#include "common/device/device.h"
#include "common/ops/transfer.h"

namespace ldm::report {

double largest_error(const Tensor& got, const Tensor& expected) {
    expect_shape(got, expected.shape());
    double error = 0.0;
    for (std::int64_t i = 0; i < got.size(); ++i) {
        const double off = std::abs(static_cast<double>(got.data()[i]) - expected.data()[i]);
        // NaN stays
        error = off <= error ? error : off;
    }
    return error;
}

GpuTiming time_on_gpu(const std::function<Tensor(const std::vector<Tensor>&)>& step,
                      const std::vector<Tensor>& inputs, DType dtype, const Tensor& expected) {
    expect_usable(Device::cuda);
    std::vector<Tensor> there;
    for (const Tensor& x : inputs) there.push_back(ops::to(ops::to(x, Device::cuda), dtype));

    constexpr int runs = 8;
    Tensor y = step(there);
    // beside the first one, as all that follow: now there is memory for both
    y = step(there);
    double seconds = 0.0;
    if constexpr (build::has_cuda)
        seconds = cuda::seconds([&] {
            for (int i = 0; i < runs; ++i) y = step(there);
        });
    return {1e3 * seconds / runs,
            largest_error(ops::to(ops::to(y, DType::f32), Device::cpu), expected)};
}

}  // namespace ldm::report
