#include "chapters/01_ddpm/verify.h"

#include <fmt/format.h>

#include "chapters/01_ddpm/betas.h"
#include "chapters/01_ddpm/ema.h"
#include "chapters/01_ddpm/forward_process.h"
#include "chapters/01_ddpm/learning_rate.h"
#include "chapters/01_ddpm/losses.h"
#include "chapters/01_ddpm/reverse_process.h"
#include "chapters/01_ddpm/time_embedding.h"
#include "chapters/01_ddpm/verify_support.h"
#include "common/ops/shape.h"

namespace ldm::ddpm {
namespace {

using io::Json;

void add_table(verify::Run& run, const std::string& name, const std::vector<double>& numbers) {
    run.out(name, {static_cast<std::int64_t>(numbers.size())}, numbers);
}

Schedule schedule_of(const Json& config) {
    return Schedule(Schedule::from_json(io::get_or(config, "schedule", Json::object())));
}

void beta_schedule(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(
        config, {"schedules", "n_timestep", "linear_start", "linear_end", "cosine_s"}, "config");
    for (const auto& kind : io::get<std::vector<std::string>>(config, "schedules")) {
        const auto betas = make_beta_schedule(
            kind, io::get<int>(config, "n_timestep"), io::get_or(config, "linear_start", 1e-4),
            io::get_or(config, "linear_end", 2e-2), io::get_or(config, "cosine_s", 8e-3));
        add_table(run, kind + ".betas", betas);
        add_table(run, kind + ".alphas_cumprod", cumulative_alphas(betas));
    }
}

void alpha_bar_betas(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"num_diffusion_timesteps", "max_beta", "alpha_bar"}, "config");
    const auto curve = io::get<Json>(config, "alpha_bar");
    io::expect_only_keys(curve, {"kind", "s"}, "alpha_bar");
    if (const auto kind = io::get<std::string>(curve, "kind"); kind != "cosine")
        throw Error(fmt::format("'alpha_bar': kind '{}', expected cosine", kind));
    const double s = io::get<double>(curve, "s");
    add_table(run, "betas",
              betas_for_alpha_bar(
                  io::get<int>(config, "num_diffusion_timesteps"),
                  [s](double u) { return cosine_alpha_bar(u, s); },
                  io::get_or(config, "max_beta", 0.999)));
}

void diffusion_schedule(verify::Run& run) {
    const Schedule s(Schedule::from_json(run.config()));
    run.out("betas", s.betas);
    run.out("alphas_cumprod", s.alphas_cumprod);
    run.out("alphas_cumprod_prev", s.alphas_cumprod_prev);
    run.out("sqrt_alphas_cumprod", s.sqrt_alphas_cumprod);
    run.out("sqrt_one_minus_alphas_cumprod", s.sqrt_one_minus_alphas_cumprod);
    run.out("log_one_minus_alphas_cumprod", s.log_one_minus_alphas_cumprod);
    run.out("sqrt_recip_alphas_cumprod", s.sqrt_recip_alphas_cumprod);
    run.out("sqrt_recipm1_alphas_cumprod", s.sqrt_recipm1_alphas_cumprod);
    run.out("posterior_variance", s.posterior_variance);
    run.out("posterior_log_variance_clipped", s.posterior_log_variance_clipped);
    run.out("posterior_mean_coef1", s.posterior_mean_coef1);
    run.out("posterior_mean_coef2", s.posterior_mean_coef2);
    run.out("lvlb_weights", s.lvlb_weights);
}

void forward_process(verify::Run& run) {
    io::expect_only_keys(run.config(), {"schedule"}, "config");
    const Schedule s = schedule_of(run.config());
    const Tensor x0 = run.in("x0"), xt = run.in("xt"), noise = run.in("noise"), t = run.in("t");
    run.out("q_sample", q_sample(s, x0, t, noise));
    const Gaussian q = q_mean_variance(s, x0, t);
    run.out("q_mean", q.mean);
    run.out("q_var", q.variance);
    run.out("q_logvar", q.log_variance);
    run.out("x0_from_eps", predict_start_from_noise(s, xt, t, noise));
    run.out("eps_from_x0", predict_eps_from_xstart(s, xt, t, x0));
    const Gaussian posterior = q_posterior(s, x0, xt, t);
    run.out("post_mean", posterior.mean);
    run.out("post_var", posterior.variance);
    run.out("post_logvar", posterior.log_variance);
    run.out("prior_bpd", prior_bpd(s, x0));
}

void embedding(verify::Run& run) {
    io::expect_only_keys(run.config(), {"tables"}, "config");
    for (const Json& table : io::get<Json>(run.config(), "tables")) {
        const auto name = io::get<std::string>(table, "name"),
                   style = io::get<std::string>(table, "style");
        const int dim = io::get<int>(table, "dim");
        if (style == "cos_sin") {
            io::expect_only_keys(table, {"name", "style", "dim", "max_period", "repeat_only"},
                                 name);
            run.out(name,
                    timestep_embedding(run.in("t"), dim, io::get_or(table, "max_period", 10000.0f),
                                       io::get_or(table, "repeat_only", false)));
        } else if (style == "sin_cos") {
            io::expect_only_keys(table, {"name", "style", "dim"}, name);
            run.out(name, get_timestep_embedding(run.in("t"), dim));
        } else {
            throw Error(fmt::format("'style' is '{}', expected cos_sin or sin_cos", style));
        }
    }
}

void losses(verify::Run& run) {
    io::expect_only_keys(run.config(), {"eps", "schedule", "variants"}, "config");
    const TinyNetwork network(io::get<Json>(run.config(), "eps"));
    int i = 0;
    for (const Json& variant : io::get<Json>(run.config(), "variants")) {
        // a variant's keys are those of the loss, or override the schedule's
        Json schedule = io::get_or(run.config(), "schedule", Json::object());
        for (const auto& [key, value] : variant.items())
            if (key != "loss_type" && key != "original_elbo_weight" && key != "l_simple_weight" &&
                key != "logvar_init")
                schedule[key] = value;
        const Losses found =
            p_losses(Schedule(Schedule::from_json(schedule)), loss_config_from_json(variant),
                     network.without_context(), run.in("x0"), run.in("t"), run.in("noise"));
        const std::string name = fmt::format("v{}.", i++);
        run.out(name + "loss", found.loss);
        run.out(name + "loss_simple", found.loss_simple);
        run.out(name + "loss_vlb", found.loss_vlb);
    }
}

void lit_ema(verify::Run& run) {
    io::expect_only_keys(run.config(), {"variants"}, "config");
    const Tensor w = run.in("w"), sub = run.in("sw");
    const auto weights_at = [&](std::int64_t k) {
        return Weights{{"w", entry(w, k)}, {"sub.weight", entry(sub, k)}};
    };
    const auto variants = io::get<Json>(run.config(), "variants");
    for (const auto& [name, variant] : variants.items()) {
        io::expect_only_keys(variant, {"decay", "use_num_upates"}, name);
        LitEma ema(weights_at(0), io::get_or(variant, "decay", 0.9999f),
                   io::get_or(variant, "use_num_upates", true));
        std::vector<Tensor> shadow_w, shadow_sub;
        std::vector<std::int32_t> counts;
        for (std::int64_t k = 1; k < w.dim(0); ++k) {
            ema.update(weights_at(k));
            shadow_w.push_back(ops::detach(ema.shadow().at("w")));
            shadow_sub.push_back(ops::detach(ema.shadow().at("sub.weight")));
            counts.push_back(ema.num_updates());
        }
        run.out(name + ".w", stack(shadow_w));
        run.out(name + ".subweight", stack(shadow_sub));
        run.out(name + ".num_updates",
                Tensor::ints({static_cast<std::int64_t>(counts.size())}, counts));
    }
}

void learning_rates(verify::Run& run) {
    io::expect_only_keys(run.config(), {"schedules"}, "config");
    const auto schedules = io::get<Json>(run.config(), "schedules");
    for (const auto& [name, schedule] : schedules.items()) {
        io::expect_only_keys(schedule, {"class", "args", "n"}, name);
        const LearningRate rate = learning_rate_from_json(io::get<std::string>(schedule, "class"),
                                                          io::get<Json>(schedule, "args"));
        std::vector<double> factors;
        for (auto n : io::get<std::vector<std::int64_t>>(schedule, "n")) factors.push_back(rate(n));
        add_table(run, name, factors);
    }
}

void ancestral_sampler(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"eps", "schedule", "clip_denoised", "temperature"}, "config");
    const TinyNetwork network(io::get<Json>(config, "eps"));
    const AncestralOptions options{.clip_denoised = io::get<bool>(config, "clip_denoised"),
                                   .temperature = io::get_or(config, "temperature", 1.0f)};
    const Tensor stored = run.in("noise");
    std::vector<Tensor> steps;
    p_sample_loop(
        schedule_of(config), network.without_context(), run.in("x_T"),
        [&](const Shape&) { return entry(stored, static_cast<std::int64_t>(steps.size())); },
        options,
        [&](const SamplerStep& step) {
            steps.push_back(step.x);
            return true;
        });
    run.out("steps", stack(steps));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["BetaSchedule"] = beta_schedule;
    registry["BetasForAlphaBar"] = alpha_bar_betas;
    registry["DiffusionSchedule"] = diffusion_schedule;
    registry["ForwardProcess"] = forward_process;
    registry["TimestepEmbedding"] = embedding;
    registry["PLosses"] = losses;
    registry["LitEma"] = lit_ema;
    registry["LRSchedules"] = learning_rates;
    registry["DDPMSampler"] = ancestral_sampler;
}

}  // namespace ldm::ddpm
