#pragma once

#include "chapters/01_ddpm/sampling.h"
#include "chapters/01_ddpm/schedule.h"
#include "common/io/json.h"

/// The training loss. Upstream: ldm/models/diffusion/ddpm.py, LatentDiffusion.p_losses.

namespace ldm::ddpm {

enum class LossType {
    /// |target - prediction|
    l1,
    /// (target - prediction)^2
    l2
};

struct LossConfig {
    LossType loss_type = LossType::l2;
    float l_simple_weight = 1.0f;
    float original_elbo_weight = 0.0f;
    float logvar_init = 0.0f;
};

/// Reads the four keys above; other keys are left to the caller. Throws for another loss_type.
LossConfig loss_config_from_json(const io::Json& json);

/// The three numbers that training reports, each [].
struct Losses {
    /// what is minimized
    Tensor loss;
    /// L_simple, the mean error of the prediction
    Tensor loss_simple;
    /// the errors weighted as in the variational lower bound (VLB, also called ELBO)
    Tensor loss_vlb;
};

/// What the network should predict: the noise, the picture, or v. [N, C, H, W]
Tensor training_target(const Schedule& s, const Tensor& x0, const Tensor& t, const Tensor& noise);

/// Adds the noise of the times t [N] to x0 [N, C, H, W], lets the model predict and measures its
/// error. With L_i the mean error of picture i (Ho et al., 2020, equation 14):
///
///   loss = l_simple_weight * mean_i( L_i / exp(logvar[t_i]) + logvar[t_i] )
///        + original_elbo_weight * mean_i( lvlb_weights[t_i] L_i )
///
/// `logvar` [T] may be learned; empty stands for logvar_init at every step. There are gradients
/// with respect to whatever the model depends on, to logvar, and to x0 and noise.
Losses p_losses(const Schedule& s, const LossConfig& config, const Denoiser& model,
                const Tensor& x0, const Tensor& t, const Tensor& noise, Tensor logvar = {});

}  // namespace ldm::ddpm
