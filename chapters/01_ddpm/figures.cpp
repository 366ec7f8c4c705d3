#include "chapters/01_ddpm/figures.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/figures/figure.h"
#include "common/figures/plot.h"
#include "common/figures/tensor_picture.h"
#include "common/ops/transfer.h"

namespace ldm::ddpm {

std::vector<figures::Tile> forward_process_strip(const Schedule& s, const Tensor& x0,
                                                 const Tensor& noise, std::span<const int> times) {
    std::vector<figures::Tile> tiles{{image::to_image(x0), "x₀"}};
    for (int t : times)
        tiles.push_back(
            {image::to_image(q_sample(s, x0, same_step(x0, t), noise)), fmt::format("t = {}", t)});
    return tiles;
}

Trajectory sample_trajectory(const Schedule& s, const IdealDenoiser& denoiser, Tensor x,
                             std::span<const int> times, const Noise& noise) {
    Trajectory trajectory;
    for (int t = times.front(); t >= 0; --t) {
        if (std::ranges::find(times, t) != times.end()) {
            const Tensor weights = ops::to(denoiser.weights(x, same_step(x, t)), Device::cpu);
            const Tensor pred_x0 = denoiser.mean_picture(x, same_step(x, t));
            trajectory.x_t.push_back({image::to_image(x), fmt::format("t = {}", t)});
            trajectory.pred_x0.push_back(
                {image::to_image(pred_x0),
                 fmt::format("weight {:.0f} %", 100 * std::ranges::max(weights.values()))});
            trajectory.weights.push_back(weights);
        }
        x = p_sample(s, denoiser, x, t, noise(x.shape())).x;
    }
    trajectory.x_t.push_back({image::to_image(x), "sample"});
    trajectory.pred_x0.push_back(trajectory.x_t.back());
    return trajectory;
}

figures::Canvas schedules_figure() {
    const std::vector<std::pair<std::string, Schedule::Config>> kinds = {
        {"linear", {.beta_schedule = "linear"}},
        {"linear, ends of SD",
         {.beta_schedule = "linear", .linear_start = 0.00085, .linear_end = 0.012}},
        {"sqrt_linear", {.beta_schedule = "sqrt_linear"}},
        {"sqrt", {.beta_schedule = "sqrt"}},
        {"cosine", {.beta_schedule = "cosine"}}};
    const auto numbers = [](const Tensor& x) {
        return std::vector<float>(x.values().begin(), x.values().end());
    };
    std::vector<figures::Curve> signal, betas;
    for (const auto& [name, config] : kinds) {
        const Schedule s(config);
        signal.push_back({.name = name, .y = numbers(s.sqrt_alphas_cumprod)});
        betas.push_back({.name = name, .y = numbers(s.betas)});
    }
    const auto upper = figures::plot(
        signal, {.x_label = "timestep t", .y_label = "signal √ᾱₜ (share of the amplitude)"});
    const auto lower = figures::plot(
        betas,
        {.x_label = "timestep t", .y_label = "noise variance βₜ (log scale)", .log_y = true});
    constexpr double gap = 24;
    figures::Canvas both(upper.width(), upper.height() + gap + lower.height());
    both.draw(upper, {0, 0});
    both.draw(lower, {0, upper.height() + gap});
    return figures::figure("Noise schedules: the signal that is left, and the noise of each step",
                           both,
                           "Above: how much of x₀ is left in xₜ. The schedule with the ends of "
                           "Stable Diffusion stops above zero: its last xₜ still holds some of the "
                           "picture. Below: the variance βₜ that one step adds.");
}

}  // namespace ldm::ddpm
