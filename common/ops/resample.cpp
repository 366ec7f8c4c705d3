#include "common/ops/resample.h"

#include "common/autograd/tape.h"
#include "common/ops/cpu/resample.h"
#include "common/ops/cuda/resample.h"
#include "common/ops/on_device.h"

// upsample_nearest and avg_pool2d are each other's transpose: what one spreads, the other gathers.

namespace ldm::ops {
namespace {

constexpr OnDevice<cpu::spread_pixels, cuda::spread_pixels> spread_pixels;
constexpr OnDevice<cpu::gather_blocks, cuda::gather_blocks> gather_blocks;
constexpr OnDevice<cpu::largest_of_blocks, cuda::largest_of_blocks> largest_of_blocks;
constexpr OnDevice<cpu::largest_of_blocks_backward, cuda::largest_of_blocks_backward>
    largest_of_blocks_backward;

}  // namespace

Tensor upsample_nearest(const Tensor& x, int factor) {
    const auto [n, c, h, w] = x.dims<4>();
    Tensor y = spread_pixels(x, factor, 1.0f, Shape{n, c, h * factor, w * factor});
    record(y, {x},
           [factor](const Tensor& dy) -> Tensors { return {gather_blocks(dy, factor, 1.0f)}; });
    return y;
}

Tensor avg_pool2d(const Tensor& x, int size) {
    x.dims<4>();
    const float share = 1.0f / static_cast<float>(size * size);
    Tensor y = gather_blocks(x, size, share);
    record(y, {x}, [size, share, shape = x.shape()](const Tensor& dy) -> Tensors {
        return {spread_pixels(dy, size, share, shape)};
    });
    return y;
}

Tensor max_pool2d(const Tensor& x, int size) {
    x.dims<4>();
    Tensor y = largest_of_blocks(x, size);
    record(y, {x}, [x, y, size](const Tensor& dy) -> Tensors {
        return {largest_of_blocks_backward(dy, x, y, size)};
    });
    return y;
}

}  // namespace ldm::ops
