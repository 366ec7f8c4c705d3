#include "common/ops/on_device.h"

#include <fmt/format.h>

namespace ldm::ops {

void CommonDevice::see(const Tensor& x) {
    if (!x) return;
    if (!first_) first_ = &x;
    if (x.device() != first_->device())
        throw Error(fmt::format("two tensors on two devices: {} {} on {}, and {} {} on {}",
                                name_of(first_->dtype()), to_string(first_->shape()),
                                name_of(first_->device()), name_of(x.dtype()), to_string(x.shape()),
                                name_of(x.device())));
}

}  // namespace ldm::ops
