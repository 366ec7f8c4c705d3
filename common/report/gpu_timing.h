#pragma once

#include <functional>
#include <vector>

#include "common/tensor/tensor.h"

/// Kernels timed on a GPU, for comparing the variants of the chapters.
namespace ldm::report {

/// The largest distance between two numbers at the same place; NaN when there is one.
double largest_error(const Tensor& got, const Tensor& expected);

struct GpuTiming {
    double milliseconds;
    /// largest
    double error;
};

/// Lets a GPU compute step(inputs), with the inputs there and of type `dtype`: once to warm up,
/// then several times in a row, so that it does not wait for the processor in between. The time is
/// that of one, by the GPU's own clock. Only where there is a GPU.
GpuTiming time_on_gpu(const std::function<Tensor(const std::vector<Tensor>&)>& step,
                      const std::vector<Tensor>& inputs, DType dtype, const Tensor& expected);

}  // namespace ldm::report
