#include "chapters/09_training/losses/loss_term.h"

#include <algorithm>
#include <cmath>

#include "common/ops/elementwise.h"
#include "common/ops/optimizer_step.h"

namespace ldm::train {

//! [term]
LossTerm differentiate(const Tensors& inputs, const std::function<Tensor()>& term) {
    Tensors watched = inputs;
    for (Tensor& x : watched)
        if (!needs_gradient(x)) x = {};
    LossTerm result{.value = {}, .gradients = Tensors(inputs.size())};
    {
        Tape own;
        for (const Tensor& x : watched)
            if (x) own.watch(x);
        result.value = term();
        const Gradients gradient = own.backward(result.value);
        for (std::size_t i = 0; i < watched.size(); ++i)
            if (watched[i]) result.gradients[i] = gradient.of(watched[i]);
    }
    record(result.value, watched, [gradients = result.gradients](const Tensor& dy) {
        Tensors scaled;
        for (const Tensor& gradient : gradients)
            scaled.push_back(gradient ? gradient * dy.item() : Tensor());
        return scaled;
    });
    return result;
}
//! [term]

//! [weight]
float adaptive_weight(const LastLayer& last_layer, const Tensor& picture, const Tensor& grad_of_nll,
                      const Tensor& grad_of_g) {
    const auto at_last_layer = [&](const Tensor& gradient) {
        const Gradients gradients =
            last_layer.tape.backward(picture, gradient, {last_layer.weight});
        return std::sqrt(ops::sum_of_squares(gradients.of(last_layer.weight)));
    };
    const double weight = at_last_layer(grad_of_nll) / (at_last_layer(grad_of_g) + 1e-4);
    return static_cast<float>(std::min(weight, 1e4));
}
//! [weight]

}  // namespace ldm::train
