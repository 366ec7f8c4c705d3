#pragma once

#include <string>
#include <vector>

#include "common/io/json.h"
#include "common/tensor/tensor.h"

namespace ldm::ddpm {

/// What the network is trained to predict from x_t. Each of the three gives the other two.
enum class Parameterization {
    /// the noise
    eps,
    /// the picture
    x0,
    /// sqrt(ac) noise - sqrt(1 - ac) x0 (Salimans and Ho, 2022)
    v
};

/// The noise schedule: the tables of a diffusion process with T steps, each [T]. As in upstream's
/// code the index t counts from 0, and entry t belongs to step t + 1 of the papers, which count
/// 1 … T (docs/notation.md). Computed in double and rounded once.
/// Upstream: ldm/models/diffusion/ddpm.py, DDPM.register_schedule; the names are those of the
/// buffers in a checkpoint. ac is short for alphas_cumprod, the papers' alpha bar.
struct Schedule {
    struct Config {
        std::string beta_schedule = "linear";
        int timesteps = 1000;
        double linear_start = 1e-4, linear_end = 2e-2, cosine_s = 8e-3;
        /// the betas themselves, [timesteps]; empty: those of `beta_schedule`
        std::vector<double> given_betas = {};
        /// 0: the posterior's own variance, 1: beta, or between
        double v_posterior = 0.0;
        Parameterization parameterization = Parameterization::eps;
    };
    static Config from_json(const io::Json& json);

    /// The same from the settings of a whole model (config.json), which hold other keys too: the
    /// one place that knows which of them are the schedule's.
    static Config from_model_config(const io::Json& model);

    /// Only the schedule's keys of these settings.
    static io::Json settings_in(const io::Json& model);

    /// Throws an Error for an unknown beta_schedule, for betas outside [0, 1), and unless there are
    /// as many given ones as time steps.
    explicit Schedule(const Config& config);

    /// The same from the betas themselves, each in [0, 1).
    Schedule(const std::vector<double>& betas, Parameterization parameterization,
             double v_posterior = 0.0);

    int timesteps() const { return static_cast<int>(betas.size()); }

    Parameterization parameterization;
    Tensor betas;
    /// ac
    Tensor alphas_cumprod;
    /// ac one step earlier; 1 before the first (alpha bar of 0)
    Tensor alphas_cumprod_prev;

    // what x_t is made of
    /// sqrt(ac): how much picture
    Tensor sqrt_alphas_cumprod;
    /// sqrt(1 - ac): how much noise
    Tensor sqrt_one_minus_alphas_cumprod;
    Tensor log_one_minus_alphas_cumprod;
    /// 1 / sqrt(ac)
    Tensor sqrt_recip_alphas_cumprod;
    /// sqrt(1 / ac - 1)
    Tensor sqrt_recipm1_alphas_cumprod;

    /// variance of the posterior q(x_{t-1} | x_t, x0)
    Tensor posterior_variance;
    /// log of max(variance, 1e-20), for it is 0 at t = 0
    Tensor posterior_log_variance_clipped;
    /// factor of x0 in the posterior's mean
    Tensor posterior_mean_coef1;
    /// factor of x_t in the posterior's mean
    Tensor posterior_mean_coef2;

    /// Weight of the squared error at step t in the variational lower bound (VLB, ELBO).
    Tensor lvlb_weights;
};

/// "eps", "x0" or "v"; anything else is an Error.
Parameterization parameterization_named(const std::string& name);

/// table[t] for each picture of a batch: table [T], t [N] int32 -> [N, 1, 1, 1], ready to be
/// multiplied with [N, C, H, W], where t is. Throws when a t is outside the table.
Tensor at(const Tensor& table, const Tensor& t);

/// The same step for a whole batch: [N] int32.
Tensor same_step(std::int64_t n, int t);

/// The same step for every picture of x, beside x.
Tensor same_step(const Tensor& x, int t);

}  // namespace ldm::ddpm
