#pragma once

#include "chapters/01_ddpm/reverse_process.h"

namespace ldm::ddpm {

/// The denoiser that minimizes the expected squared error for a data set of pictures, in closed
/// form: no network, no training. Given x_t, the posterior probability of each picture is (Bayes)
///
///   w_k = softmax_k( -|x_t - sqrt(ac[t]) picture_k|^2 / (2 (1 - ac[t])) ),
///
/// and the predicted x0 is the posterior mean, sum_k w_k picture_k.
/// A trained network approaches this function for its training pictures; that it does not get
/// there is why it draws pictures nobody has drawn before.
class IdealDenoiser {
public:
    /// pictures [pictures, C, H, W]; the schedule says which times there are.
    IdealDenoiser(const Schedule& schedule, Tensor pictures);

    /// The posterior probability of each picture, given x_t [N, C, H, W] at times t [N]:
    /// [N, pictures].
    Tensor weights(const Tensor& x_t, const Tensor& t) const;

    /// The posterior mean of x0: [N, C, H, W].
    Tensor mean_picture(const Tensor& x_t, const Tensor& t) const;

    /// Fit for a sampler: the same prediction in the schedule's parameterization, [N, C, H, W].
    Tensor operator()(const Tensor& x_t, const Tensor& t) const;

private:
    Schedule schedule_;
    /// [pictures, C, H, W]
    Tensor pictures_;
    /// the same as [pictures, C H W]
    Tensor rows_;
    /// |picture_k|^2, [1, pictures]
    Tensor squared_norms_;
};

}  // namespace ldm::ddpm
