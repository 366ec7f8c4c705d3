#include "common/ops/resample.h"

#include "common/autograd/tape.h"
#include "common/ops/cpu/resample.h"
#include "common/ops/cuda/resample.h"
#include "common/ops/on_device.h"

// upsample_nearest and avg_pool2d are each other's transpose: what one spreads, the other gathers.

namespace ldm::ops {
namespace {

constexpr OnDevice<cpu::upsample_nearest, cuda::upsample_nearest> scaled_copies;
constexpr OnDevice<cpu::gather_blocks, cuda::gather_blocks> gather_blocks;
constexpr OnDevice<cpu::max_pool2d, cuda::max_pool2d> largest;
constexpr OnDevice<cpu::max_pool2d_backward, cuda::max_pool2d_backward> gradient_to_largest;

}  // namespace

Tensor upsample_nearest(const Tensor& x, int factor) {
    const auto [n, c, h, w] = x.dims<4>();
    Tensor y = scaled_copies(x, factor, 1.0f, Shape{n, c, h * factor, w * factor});
    record(y, {x},
           [factor](const Tensor& dy) -> Tensors { return {gather_blocks(dy, factor, 1.0f)}; });
    return y;
}

Tensor avg_pool2d(const Tensor& x, int size) {
    x.dims<4>();
    const float share = 1.0f / static_cast<float>(size * size);
    Tensor y = gather_blocks(x, size, share);
    record(y, {x}, [size, share, shape = x.shape()](const Tensor& dy) -> Tensors {
        return {scaled_copies(dy, size, share, shape)};
    });
    return y;
}

Tensor max_pool2d(const Tensor& x, int size) {
    x.dims<4>();
    Tensor y = largest(x, size);
    record(y, {x}, [x, y, size](const Tensor& dy) -> Tensors {
        return {gradient_to_largest(dy, x, y, size)};
    });
    return y;
}

}  // namespace ldm::ops
