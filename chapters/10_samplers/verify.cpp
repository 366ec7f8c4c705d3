#include "chapters/10_samplers/verify.h"

#include <fmt/format.h>

#include <cmath>

#include "chapters/01_ddpm/verify_support.h"
#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/10_samplers/dpm_solver_sampler.h"
#include "chapters/10_samplers/k_diffusion.h"
#include "chapters/10_samplers/linear_multistep.h"
#include "chapters/10_samplers/plms.h"
#include "chapters/10_samplers/scheduler.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "common/ops/elementwise.h"

namespace ldm::samplers {
namespace {

using io::Json;

Tensor as_tensor(const std::vector<double>& values) {
    Tensor y({static_cast<std::int64_t>(values.size())});
    for (std::size_t i = 0; i < values.size(); ++i) y.values()[i] = static_cast<float>(values[i]);
    return y;
}

/// Remembers when the network was asked, and what it was given.
class WatchedNetwork {
public:
    explicit WatchedNetwork(ddpm::Denoiser network) : network_(std::move(network)) {}

    ddpm::Denoiser denoiser() {
        return [this](const Tensor& x, const Tensor& t) {
            times_.push_back(t.values()[0]);
            inputs_.push_back(x);
            return network_(x, t);
        };
    }
    const std::vector<double>& times() const { return times_; }
    const std::vector<Tensor>& inputs() const { return inputs_; }

private:
    ddpm::Denoiser network_;
    std::vector<double> times_;
    std::vector<Tensor> inputs_;
};

ddpm::Schedule schedule_of(const Json& config) {
    return ddpm::Schedule(
        ddpm::Schedule::from_json(io::get_or(config, "schedule", Json::object())));
}

/// The stored noise, in the order of the calls for it.
ddpm::Noise stored_noise(verify::Run& run) {
    auto calls = std::make_shared<std::int64_t>(0);
    return
        [noise = run.in("noise"), calls](const Shape&) { return ddpm::entry(noise, (*calls)++); };
}

ddpm::SigmaSchedule k_diffusion_grid(const Json& sigmas, const SigmaTable& table) {
    io::expect_only_keys(sigmas, {"kind", "n", "rho"}, "sigmas");
    const auto kind = io::get<std::string>(sigmas, "kind");
    const int n = io::get_in(sigmas, "n", 1, 10'000);
    if (kind == "karras") return karras_grid(table, n, io::get_or(sigmas, "rho", 7.0));
    if (kind == "polyexponential")
        return polyexponential_grid(table, n, io::get_or(sigmas, "rho", 1.0));
    if (kind == "discrete") return discrete_grid(table, n);
    if (kind == "exponential") return exponential_grid(table, n);
    throw Error(fmt::format(
        "'kind' is '{}', expected discrete, karras, exponential or polyexponential", kind));
}

/// dpm_fast and dpm_adaptive, which make their own noise levels: the result and when the network
/// was asked.
void k_sampler_with_own_sigmas(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(
        config,
        {"eps", "schedule", "sampler", "n", "order", "rtol", "atol", "h_init", "eta", "s_noise"},
        "config");
    const ddpm::Schedule schedule = schedule_of(config);
    const double eta = io::get_or(config, "eta", 0.0), s_noise = io::get_or(config, "s_noise", 1.0);
    std::unique_ptr<SigmaSampler> sampler;
    if (io::get<std::string>(config, "sampler") == "dpm_fast") {
        sampler = make_dpm_fast(schedule, io::get_in(config, "n", 1, 10'000), eta, s_noise);
    } else {
        DpmAdaptiveSolver::Options options{.eta = eta, .s_noise = s_noise};
        options.order = io::get_in(config, "order", 2, 3);
        options.rtol = io::get_or(config, "rtol", options.rtol);
        options.atol = io::get_or(config, "atol", options.atol);
        options.h_init = io::get_or(config, "h_init", options.h_init);
        sampler = make_dpm_adaptive(schedule, options);
    }
    const ddpm::TinyNetwork network(io::get<Json>(config, "eps"));
    WatchedNetwork watched(network.without_context());
    const auto& sigmas = sampler->stops().sigmas;
    const Tensor x =
        sampler->sample(watched.denoiser(), to_x(run.in("x"), sigmas[0]), stored_noise(run));
    run.out("out", to_y(x, sigmas.back()));
    run.out("model_t", as_tensor(watched.times()));
}

void k_sampler(verify::Run& run) {
    const Json& config = run.config();
    const auto name = io::get<std::string>(config, "sampler");
    if (name == "dpm_fast" || name == "dpm_adaptive") return k_sampler_with_own_sigmas(run);
    io::expect_only_keys(config,
                         {"eps", "schedule", "sampler", "sigmas", "s_churn", "s_noise", "eta",
                          "order", "solver_type"},
                         "config");
    const ddpm::Schedule schedule = schedule_of(config);
    const SigmaTable table(schedule);
    const auto solver_type = io::get_or(config, "solver_type", "midpoint");
    const KDiffusionOptions options{
        .eta = io::get_or(config, "eta", 1.0),
        .s_churn = io::get_or(config, "s_churn", 0.0),
        .s_noise = io::get_or(config, "s_noise", 1.0),
        .order = io::get_or(config, "order", 4),
        .correction = solver_type == "heun" ? Correction::taylor : Correction::midpoint};
    const SigmaSampler sampler(schedule, k_diffusion_grid(io::get<Json>(config, "sigmas"), table),
                               k_diffusion_solver(name, options));
    const ddpm::TinyNetwork network(io::get<Json>(config, "eps"));
    WatchedNetwork watched(network.without_context());

    const auto& sigmas = sampler.stops().sigmas;
    std::vector<Tensor> x_steps, denoised_steps;
    (void)sampler.sample(watched.denoiser(), to_x(run.in("x"), sigmas[0]), stored_noise(run),
                         [&](const ddpm::SamplerStep& step) {
                             const double sigma = sigmas[step.count - step.index];
                             x_steps.push_back(to_y(step.x, sigma));
                             denoised_steps.push_back(step.pred_x0);
                             return true;
                         });
    run.out("sigmas", as_tensor(sigmas));
    run.out("x_steps", ddpm::stack(x_steps));
    run.out("denoised_steps", ddpm::stack(denoised_steps));
    run.out("model_t", as_tensor(watched.times()));
}

void scheduler(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"eps", "class", "scheduler_config", "num_inference_steps", "eta"},
                         "config");
    Json settings = io::get<Json>(config, "scheduler_config");
    settings["_class_name"] = io::get<std::string>(config, "class");
    std::optional<double> eta;
    if (io::has(config, "eta")) eta = io::get<double>(config, "eta");
    const SchedulerSettings parsed(settings);
    const auto sampler =
        make_scheduler(parsed, io::get_in(config, "num_inference_steps", 1, 10'000), eta);

    // Those of k-diffusion's family show their samples as y, the others as x.
    const std::string& name = parsed.class_name();
    const bool shows_y = name.find("Discrete") != std::string::npos;
    const double first = std::hypot(sampler->stops().sigmas[0], 1);

    const ddpm::TinyNetwork network(io::get<Json>(config, "eps"));
    WatchedNetwork watched(network.without_context());
    std::vector<double> levels;
    const Tensor last = sampler->sample_watched(
        watched.denoiser(), static_cast<float>(sampler->initial_noise()) * run.in("noise0"),
        stored_noise(run), [&](double sigma) { levels.push_back(sigma); });

    // After a call there stands what the next one is given, and after the last one the result.
    std::vector<Tensor> x_steps(watched.inputs().begin() + 1, watched.inputs().end());
    x_steps.push_back(last);
    levels.push_back(sampler->stops().sigmas.back());
    if (shows_y)
        for (std::size_t k = 0; k < x_steps.size(); ++k)
            x_steps[k] = to_y(x_steps[k], levels[k + 1]);
    run.out("timesteps", as_tensor(watched.times()));
    run.out("x_steps", ddpm::stack(x_steps));
    run.out("init_noise_sigma",
            as_tensor(std::vector{shows_y ? sampler->initial_noise() * first : 1.0}).reshape({}));
}

/// cond, uncond and unconditional_guidance_scale of the CompVis samplers.
ddpm::Denoiser guided(verify::Run& run, const ddpm::TinyNetwork& network, float scale) {
    const auto context = [&](const char* name) {
        const Tensor given = run.find_in(name);
        return given ? unet::Conditioning{.crossattn = {given}} : unet::Conditioning();
    };
    return pipeline::with_guidance(
        [network](const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
            return network(x, t, given.empty() ? Tensor() : given.crossattn[0]);
        },
        context("cond"), context("uncond"), scale);
}

void plms_sampler(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"eps", "schedule", "S", "unconditional_guidance_scale"},
                         "config");
    const ddpm::Schedule schedule = schedule_of(config);
    const auto sampler = make_plms(schedule, io::get<int>(config, "S"), "uniform");
    const ddpm::TinyNetwork network(io::get<Json>(config, "eps"));
    WatchedNetwork watched(
        guided(run, network, io::get_or(config, "unconditional_guidance_scale", 1.0f)));

    std::vector<Tensor> x_steps, pred_x0_steps, e_t_steps;
    const auto& sigmas = sampler->stops().sigmas;
    Tensor before = run.in("x_T");
    (void)sampler->sample(watched.denoiser(), before, {}, [&](const ddpm::SamplerStep& step) {
        const int i = step.count - 1 - step.index;
        x_steps.push_back(step.x);
        const Tensor y = to_y(before, sigmas[i]);
        e_t_steps.push_back(Denoising::eps(y, step.pred_x0, sigmas[i]));
        before = step.x;
        // upstream's is of the combination: where the step's direction leads at noise level 0
        const Tensor next = to_y(step.x, sigmas[i + 1]);
        const double share = sigmas[i] / (sigmas[i] - sigmas[i + 1]);
        pred_x0_steps.push_back(combined(1 - share, y, share, next));
        return true;
    });
    run.out("x_steps", ddpm::stack(x_steps));
    run.out("pred_x0_steps", ddpm::stack(pred_x0_steps));
    run.out("e_t_steps", ddpm::stack(e_t_steps));
    std::vector<std::int32_t> times;
    for (const double time : watched.times()) times.push_back(static_cast<std::int32_t>(time));
    run.out("model_call_t", Tensor::ints({static_cast<std::int64_t>(times.size())}, times));
}

void dpm_solver_sampler(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"eps", "schedule", "sampler_runs", "solver_runs"}, "config");
    const ddpm::Schedule schedule = schedule_of(config);
    const ddpm::TinyNetwork network(io::get<Json>(config, "eps"));
    const Tensor x_T = run.in("x_T");

    const auto sampler_runs = io::get_or(config, "sampler_runs", Json::array());
    for (const Json& one : sampler_runs) {
        io::expect_only_keys(one, {"out", "S", "unconditional_guidance_scale"}, "sampler_runs");
        const auto out = io::get<std::string>(one, "out");
        WatchedNetwork watched(
            guided(run, network, io::get_or(one, "unconditional_guidance_scale", 1.0f)));
        const auto sampler =
            make_dpm_solver(schedule, {.order = 2, .steps = io::get<int>(one, "S")});
        run.out(out, sampler->sample(watched.denoiser(), x_T));
        run.out(out + ".model_t", as_tensor(watched.times()));
    }
    const auto solver_runs = io::get_or(config, "solver_runs", Json::array());
    for (const Json& one : solver_runs)
        run.out(io::get<std::string>(one, "out"), make_dpm_solver(schedule, dpm_solver_options(one))
                                                      ->sample(network.without_context(), x_T));

    // the noise schedule in continuous time t from 0 to 1, where time step i is (i + 1) / T
    const SigmaTable table(schedule, SigmaTable::Between::log_alpha);
    const int T = table.timesteps();
    std::vector<double> log_alpha, deviation, lambda, inverse;
    const Tensor given = run.in("t");
    for (const float t : given.values()) {
        const double sigma = table.sigma(static_cast<double>(t) * T - 1);
        log_alpha.push_back(-0.5 * std::log1p(sigma * sigma));
        deviation.push_back(sigma / std::hypot(sigma, 1));
        lambda.push_back(lambda_of(sigma));
        inverse.push_back((table.time(sigma) + 1) / T);
    }
    run.out("ns.log_alpha", as_tensor(log_alpha));
    run.out("ns.std", as_tensor(deviation));
    run.out("ns.lambda", as_tensor(lambda));
    run.out("ns.inverse", as_tensor(inverse));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["KSampler"] = k_sampler;
    registry["Scheduler"] = scheduler;
    registry["PLMSSampler"] = plms_sampler;
    registry["DPMSolverSampler"] = dpm_solver_sampler;
}

}  // namespace ldm::samplers
