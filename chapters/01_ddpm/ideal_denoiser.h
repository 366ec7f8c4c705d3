#pragma once

#include "chapters/01_ddpm/reverse_process.h"

namespace ldm::ddpm {

/// The best denoiser there can be for a world of K pictures, in closed form: no network, no
/// training. Seeing x_t, it weighs every picture by how well it explains what it sees (Bayes),
///
///   w_k = softmax_k( -|x_t - sqrt(ac_t) picture_k|^2 / (2 (1 - ac_t)) ),
///
/// and believes in their mean, x0 = sum_k w_k picture_k, for that makes the squared error small.
/// A trained network approaches this function for its training pictures; that it does not get
/// there is why it draws pictures nobody has drawn before.
class IdealDenoiser {
public:
    /// pictures [K, C, H, W]; the schedule says which times there are.
    IdealDenoiser(const Schedule& schedule, Tensor pictures);

    /// How likely each picture is, given x_t [N, C, H, W] at times t [N]: [N, K].
    Tensor weights(const Tensor& x_t, const Tensor& t) const;

    /// x0, the mean of what is likely: [N, C, H, W].
    Tensor mean_picture(const Tensor& x_t, const Tensor& t) const;

    /// Fit for a sampler: what it believes, said in the schedule's parameterization.
    Tensor operator()(const Tensor& x_t, const Tensor& t) const;

private:
    Schedule schedule_;
    /// [K, C, H, W]
    Tensor pictures_;
    /// the same as [K, C H W]
    Tensor rows_;
    /// |picture_k|^2, [1, K]
    Tensor lengths_;
};

}  // namespace ldm::ddpm
