#include "chapters/09_training/losses/counter.h"

#include <vector>

#include "common/ops/optimizer_step.h"
#include "common/ops/transfer.h"

namespace ldm::train {

int read_counter(const Tensor& counter) {
    const Tensor here = ops::to(counter, Device::cpu);
    return here.dtype() == DType::i32 ? *here.ints() : static_cast<int>(*here.data());
}

void write_counter(Tensor& counter, int count) {
    const Tensor here = counter.dtype() == DType::i32
                            ? Tensor::ints(counter.shape(), std::vector<std::int32_t>{count})
                            : Tensor::full(counter.shape(), static_cast<float>(count));
    ops::copy_into(counter, ops::to(here, counter.device()));
}

}  // namespace ldm::train
