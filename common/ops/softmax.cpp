#include "common/ops/softmax.h"

#include <fmt/format.h>

#include "common/autograd/tape.h"
#include "common/ops/cpu/softmax.h"
#include "common/ops/cuda/softmax.h"
#include "common/ops/elementwise.h"
#include "common/ops/on_device.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::ops {

Tensor softmax(const Tensor& x) {
    Tensor y = OnDevice<cpu::softmax, cuda::softmax>()(x);
    record(y, {x}, [y](const Tensor& dy) -> Tensors {
        return {OnDevice<cpu::softmax_backward, cuda::softmax_backward>()(y, dy)};
    });
    return y;
}

Tensor log_softmax(const Tensor& x) {
    Tensor y = OnDevice<cpu::log_softmax, cuda::log_softmax>()(x);
    record(y, {x}, [y](const Tensor& dy) -> Tensors {
        return {OnDevice<cpu::log_softmax_backward, cuda::log_softmax_backward>()(y, dy)};
    });
    return y;
}

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) {
    const auto [n, classes] = logits.dims<2>();
    expect_shape(labels, {n});
    const Tensor log_probabilities = log_softmax(logits);

    // The sum with a one-hot matrix picks the right entries.
    const Tensor label_of = to(labels, Device::cpu);
    Tensor pick = Tensor::zeros({n, classes});
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int32_t label = label_of.ints()[i];
        if (label < 0 || label >= classes)
            fail(fmt::format("label {} is not one of {} classes", label, classes));
        pick.data()[i * classes + label] = -1.0f / static_cast<float>(n);
    }
    return sum(log_probabilities * to(pick, logits.device()));
}

}  // namespace ldm::ops
