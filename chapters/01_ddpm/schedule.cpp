#include "chapters/01_ddpm/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/01_ddpm/betas.h"
#include "common/ops/embedding.h"
#include "common/ops/transfer.h"

namespace ldm::ddpm {
namespace {

const std::vector<std::string> schedule_keys = {"beta_schedule", "timesteps",       "linear_start",
                                                "linear_end",    "cosine_s",        "given_betas",
                                                "v_posterior",   "parameterization"};

std::vector<double> betas_of(const Schedule::Config& config) {
    if (config.given_betas.empty())
        return make_beta_schedule(config.beta_schedule, config.timesteps, config.linear_start,
                                  config.linear_end, config.cosine_s);
    expect(std::ssize(config.given_betas) == config.timesteps,
           fmt::format("{} 'given_betas' for {} 'timesteps'", config.given_betas.size(),
                       config.timesteps));
    for (const double beta : config.given_betas)
        expect(beta >= 0.0 && beta < 1.0,
               fmt::format("'given_betas': a beta of {}, expected [0, 1)", beta));
    return config.given_betas;
}

/// A table in float32 from its formula in double.
template <class Formula>
Tensor table(int timesteps, const Formula& formula) {
    Tensor y({timesteps});
    for (int t = 0; t < timesteps; ++t) y.data()[t] = static_cast<float>(formula(t));
    return y;
}

/// From the rounded tables and in float32, unlike the rest: upstream does, and where 1 - ac is
/// small the two differ.
Tensor weights_of_bound(const Schedule& s, const Tensor& alphas) {
    Tensor weights({s.timesteps()});
    for (int t = 0; t < s.timesteps(); ++t) {
        const float beta = s.betas.data()[t], alpha = alphas.data()[t],
                    ac = s.alphas_cumprod.data()[t];
        float& weight = weights.data()[t];
        switch (s.parameterization) {
            case Parameterization::eps:
                weight =
                    beta * beta / (2.0f * s.posterior_variance.data()[t] * alpha * (1.0f - ac));
                break;
            case Parameterization::x0:
                // "2. * 1 - ac", as it stands upstream
                weight = 0.5f * std::sqrt(ac) / (2.0f - ac);
                break;
            case Parameterization::v:
                weight = 1.0f;
                break;
        }
    }
    // the variance at t = 0 is 0
    if (weights.size() > 1) weights.data()[0] = weights.data()[1];
    return weights;
}

}  // namespace

Schedule::Config Schedule::from_model_config(const io::Json& model) {
    return from_json(settings_in(model));
}

io::Json Schedule::settings_in(const io::Json& model) {
    io::Json settings = io::Json::object();
    for (const std::string& key : schedule_keys)
        if (model.contains(key)) settings[key] = model.at(key);
    return settings;
}

Schedule::Config Schedule::from_json(const io::Json& json) {
    io::expect_only_keys(json, schedule_keys, "schedule");
    Config config;
    config.beta_schedule = io::get_or(json, "beta_schedule", config.beta_schedule);
    // the tables of a longer one would take minutes
    constexpr int most_steps = 1'000'000;
    config.timesteps = io::get_in_or(json, "timesteps", 1, most_steps, config.timesteps);
    config.linear_start = io::get_or(json, "linear_start", config.linear_start);
    config.linear_end = io::get_or(json, "linear_end", config.linear_end);
    config.cosine_s = io::get_or(json, "cosine_s", config.cosine_s);
    config.given_betas = io::get_or(json, "given_betas", config.given_betas);
    config.v_posterior = io::get_or(json, "v_posterior", config.v_posterior);
    config.parameterization = parameterization_named(io::get_or(json, "parameterization", "eps"));
    return config;
}

Schedule::Schedule(const Config& config)
    : Schedule(betas_of(config), config.parameterization, config.v_posterior) {}

Schedule::Schedule(const std::vector<double>& beta, Parameterization predicted, double v)
    : parameterization(predicted) {
    const auto ac = cumulative_alphas(beta);
    expect(v >= 0.0 && v <= 1.0, fmt::format("'v_posterior' is {}, expected 0 to 1", v));

    const auto ac_prev = [&](int t) { return t > 0 ? ac[t - 1] : 1.0; };
    const auto variance = [&](int t) {
        return (1.0 - v) * beta[t] * (1.0 - ac_prev(t)) / (1.0 - ac[t]) + v * beta[t];
    };
    const int T = static_cast<int>(beta.size());
    betas = table(T, [&](int t) { return beta[t]; });
    alphas_cumprod = table(T, [&](int t) { return ac[t]; });
    alphas_cumprod_prev = table(T, ac_prev);

    sqrt_alphas_cumprod = table(T, [&](int t) { return std::sqrt(ac[t]); });
    sqrt_one_minus_alphas_cumprod = table(T, [&](int t) { return std::sqrt(1.0 - ac[t]); });
    log_one_minus_alphas_cumprod = table(T, [&](int t) { return std::log(1.0 - ac[t]); });
    sqrt_recip_alphas_cumprod = table(T, [&](int t) { return std::sqrt(1.0 / ac[t]); });
    sqrt_recipm1_alphas_cumprod = table(T, [&](int t) { return std::sqrt(1.0 / ac[t] - 1.0); });

    posterior_variance = table(T, variance);
    posterior_log_variance_clipped =
        table(T, [&](int t) { return std::log(std::max(variance(t), 1e-20)); });
    posterior_mean_coef1 =
        table(T, [&](int t) { return beta[t] * std::sqrt(ac_prev(t)) / (1.0 - ac[t]); });
    posterior_mean_coef2 = table(
        T, [&](int t) { return (1.0 - ac_prev(t)) * std::sqrt(1.0 - beta[t]) / (1.0 - ac[t]); });
    lvlb_weights = weights_of_bound(*this, table(T, [&](int t) { return 1.0 - beta[t]; }));
}

Parameterization parameterization_named(const std::string& name) {
    if (name == "eps") return Parameterization::eps;
    if (name == "x0") return Parameterization::x0;
    if (name == "v") return Parameterization::v;
    fail(fmt::format("'parameterization' is '{}', expected eps, x0 or v", name));
}

Tensor at(const Tensor& table, const Tensor& t) {
    expect(t.rank() == 1 && t.dtype() == DType::i32,
           "time steps: expected [N] int32, got " + to_string(t.shape()));
    for (std::int64_t i = 0; t.device() == Device::cpu && i < t.size(); ++i)
        expect(t.ints()[i] >= 0 && t.ints()[i] < table.size(),
               fmt::format("time step {} of a schedule with steps 0 to {}", t.ints()[i],
                           table.size() - 1));
    const Tensor column = ops::to(table, t.device()).reshape({-1, 1});
    return ops::embedding(t, column).reshape({t.size(), 1, 1, 1});
}

Tensor same_step(std::int64_t n, int t) {
    return Tensor::ints({n}, std::vector<std::int32_t>(n, t));
}

Tensor same_step(const Tensor& x, int t) { return ops::to(same_step(x.dim(0), t), x.device()); }

}  // namespace ldm::ddpm
