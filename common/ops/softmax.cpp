#include "common/ops/softmax.h"

#include "common/autograd/tape.h"
#include "common/ops/elementwise.h"
#include "common/ops/softmax_cpu.h"

#include <fmt/format.h>

namespace ldm::ops {

Tensor softmax(const Tensor& x) {
    Tensor y = cpu::softmax(x);
    record(y, {x}, [y](const Tensor& dy) -> Tensors { return {cpu::softmax_backward(y, dy)}; });
    return y;
}

Tensor log_softmax(const Tensor& x) {
    Tensor y = cpu::log_softmax(x);
    record(y, {x}, [y](const Tensor& dy) -> Tensors { return {cpu::log_softmax_backward(y, dy)}; });
    return y;
}

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) {
    const auto [n, classes] = logits.dims<2>();
    expect_shape(labels, {n});
    const Tensor log_probabilities = log_softmax(logits);

    // The sum with a one-hot matrix picks the right entries and gives the gradient for free.
    Tensor pick = Tensor::zeros({n, classes});
    double loss = 0.0;
    for (std::int64_t i = 0; i < n; ++i) {
        const std::int32_t label = labels.ints()[i];
        if (label < 0 || label >= classes)
            fail(fmt::format("label {} is not one of {} classes", label, classes));
        pick.data()[i * classes + label] = -1.0f / static_cast<float>(n);
        loss -= log_probabilities.data()[i * classes + label];
    }
    Tensor y = Tensor::scalar(static_cast<float>(loss / n));
    record(y, {log_probabilities}, [pick](const Tensor& dy) -> Tensors { return {pick * dy}; });
    return y;
}

}  // namespace ldm::ops
