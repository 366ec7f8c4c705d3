#include "chapters/01_ddpm/ideal_denoiser.h"

#include "chapters/01_ddpm/losses.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "common/ops/softmax.h"

namespace ldm::ddpm {

IdealDenoiser::IdealDenoiser(const Schedule& schedule, Tensor pictures)
    : schedule_(schedule), pictures_(std::move(pictures)) {
    const auto [count, c, h, w] = pictures_.dims<4>();
    rows_ = pictures_.reshape({count, c * h * w});
    squared_norms_ = ops::sum_per_sample(ops::square(rows_)).reshape({1, count});
}

//! [weights]
Tensor IdealDenoiser::weights(const Tensor& x_t, const Tensor& t) const {
    const auto n = x_t.dim(0);
    const Tensor a = at(schedule_.sqrt_alphas_cumprod, t).reshape({n, 1});
    const Tensor variance =
        ops::square(at(schedule_.sqrt_one_minus_alphas_cumprod, t)).reshape({n, 1});

    // |x - a p|^2 = |x|^2 - 2 a x.p + a^2 |p|^2, and |x|^2 cancels in the softmax
    const Tensor products = ops::linear(x_t.reshape({n, -1}), rows_);
    const Tensor distance = ops::square(a) * squared_norms_ - 2.0f * a * products;
    return ops::softmax(-distance / (2.0f * variance));
}

Tensor IdealDenoiser::mean_picture(const Tensor& x_t, const Tensor& t) const {
    return ops::matmul(weights(x_t, t), rows_).reshape(x_t.shape());
}
//! [weights]

Tensor IdealDenoiser::operator()(const Tensor& x_t, const Tensor& t) const {
    const Tensor x0 = mean_picture(x_t, t);
    return training_target(schedule_, x0, t, predict_eps_from_xstart(schedule_, x_t, t, x0));
}

}  // namespace ldm::ddpm
