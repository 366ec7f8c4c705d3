#include "chapters/08_ldm_pipeline/ddim.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/01_ddpm/forward_process.h"
#include "chapters/01_ddpm/reverse_process.h"
#include "common/ops/elementwise.h"

namespace ldm::pipeline {

std::vector<int> make_ddim_timesteps(const std::string& method, int S, int T) {
    expect(S >= 1 && S <= T, fmt::format("DDIM: {} steps, expected 1 to {}", S, T));
    std::vector<int> steps;
    if (method == "even") {
        // with the 1 the last of all T steps would lie past the end
        const int first = S < T ? 1 : 0;
        for (std::int64_t k = 0; k < S; ++k) steps.push_back(static_cast<int>(k * T / S) + first);
    } else if (method == "uniform") {
        for (int t = 0; t < T; t += T / S) steps.push_back(t + 1);
    } else if (method == "quad") {
        const double end = std::sqrt(0.8 * T);
        for (int i = 0; i < S; ++i) {
            const double root = i > 0 && i == S - 1 ? end : i * (end / std::max(S - 1, 1));
            steps.push_back(static_cast<int>(root * root) + 1);
        }
    } else {
        fail(fmt::format("'ddim_discretize' is '{}', expected even, uniform or quad", method));
    }
    return steps;
}

namespace {

ddpm::SigmaSchedule ddim_stops(const ddpm::Schedule& schedule, const DDIMSampler::Config& config) {
    std::vector<int> steps =
        make_ddim_timesteps(config.ddim_discretize, config.S, schedule.timesteps());
    const int last = schedule.timesteps() - 1;
    if (steps.back() > last) {
        steps.back() = last;
        if (steps.size() > 1 && steps.end()[-2] == last) steps.pop_back();
    }
    // it does not end at 0: the network was never shown a picture without any noise
    return ddpm::sigmas_at(schedule, steps, ddpm::sigma_of(schedule.alphas_cumprod.data()[0]));
}

}  // namespace

DDIMSampler::DDIMSampler(const ddpm::Schedule& schedule, const Config& config)
    : DDIMSampler(schedule, ddim_stops(schedule, config), config) {}

DDIMSampler::DDIMSampler(const ddpm::Schedule& schedule, ddpm::SigmaSchedule sigma_schedule,
                         const Config& config)
    : Sampler(std::move(sigma_schedule)), schedule_(schedule), config_(config) {
    expect(config.eta >= 0.0f, fmt::format("'eta' is {}, expected 0 or more", config.eta));
    // the tables of upstream, lowest time first
    double before = stops().alpha_cumprod(steps());
    for (int i = steps() - 1; i >= 0; --i) {
        const float time = stops().timesteps[i];
        const int t = static_cast<int>(time);
        expect(static_cast<float>(t) == time,
               fmt::format("DDIM stops at whole time steps, not at {}", time));
        const double a = stops().alpha_cumprod(i);
        const double sigma =
            config.eta * std::sqrt((1.0 - before) / (1.0 - a) * (1.0 - a / before));
        expect(sigma * sigma <= 1.0 - before,
               fmt::format("'eta' is {}: step {} would add more noise than it may have", config.eta,
                           t));
        timesteps_.push_back(t);
        alphas_.push_back(static_cast<float>(a));
        alphas_prev_.push_back(static_cast<float>(before));
        sigmas_.push_back(static_cast<float>(sigma));
        before = a;
    }
}

//! [step]
DDIMSampler::Step DDIMSampler::step(const ddpm::Denoiser& model, const Tensor& x, int index,
                                    const ddpm::Noise& noise) const {
    const Tensor t = ddpm::same_step(x, timesteps_[index]);
    const Tensor prediction = model(x, t);
    const Tensor x0 = ddpm::predicted_x0(schedule_, x, t, prediction);
    const Tensor e = ddpm::predicted_eps(schedule_, x, t, prediction);

    const float a_next = alphas_prev_[index], sigma = sigmas_[index];
    Tensor next =
        std::sqrt(a_next) * x0 + std::sqrt(std::max(1.0f - a_next - sigma * sigma, 0.0f)) * e;
    if (config_.eta > 0.0f) next = next + sigma * config_.temperature * noise(x.shape());
    return {next, x0};
}
//! [step]

//! [sample]
Tensor DDIMSampler::sample_from(int first, const ddpm::Denoiser& model, const Tensor& x_T,
                                const ddpm::Noise& noise, const ddpm::Observer& observer,
                                const ddpm::Known& known) const {
    expect(noise || (config_.eta == 0.0f && (!known.mask || known.noise)),
           "DDIM needs noise for an eta above 0 and where something is known");
    Tensor x = x_T;
    const int count = steps() - first;
    for (int index = count - 1; index >= 0; --index) {
        if (known.mask) {
            const Tensor t = ddpm::same_step(x, timesteps_[index]);
            const Tensor there = ddpm::q_sample(schedule_, known.x0, t,
                                                known.noise ? known.noise : noise(x.shape()));
            x = known.mask * there + (-known.mask + 1.0f) * x;
        }
        const Step done = step(model, x, index, noise);
        x = done.x;
        if (observer && !observer({index, count, timesteps_[index], x, done.pred_x0})) break;
    }
    return x;
}
//! [sample]

ddpm::SamplerKind ddim_sampler() {
    return {"ddim",
            "DDIM",
            "as few steps as you like (50), without noise unless --eta asks for it",
            [](const ddpm::Schedule& schedule, const ddpm::SamplerOptions& options) {
                ddpm::expect_own_schedule("ddim", options);
                return std::make_unique<DDIMSampler>(
                    schedule, DDIMSampler::Config{.S = options.steps.value_or(50),
                                                  .eta = options.eta.value_or(0.0f)});
            },
            {"DDIMScheduler"}};
}

}  // namespace ldm::pipeline
