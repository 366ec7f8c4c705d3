#include "chapters/01_ddpm/pictures.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/figures/tensor_picture.h"
#include "common/image/canvas.h"
#include "common/image/plot.h"
#include "common/ops/transfer.h"

namespace ldm::ddpm {

std::vector<image::Tile> forward_process_strip(const Schedule& s, const Tensor& x0,
                                               const Tensor& noise, std::span<const int> times) {
    std::vector<image::Tile> tiles{{image::to_image(x0), "the picture"}};
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
                 fmt::format("{:.0f}% sure", 100 * std::ranges::max(weights.values()))});
            trajectory.weights.push_back(weights);
        }
        x = p_sample(s, denoiser, x, t, noise(x.shape())).x;
    }
    trajectory.x_t.push_back({image::to_image(x), "the end"});
    trajectory.pred_x0.push_back(trajectory.x_t.back());
    return trajectory;
}

image::Image schedule_curves() {
    const std::vector<std::pair<std::string, Schedule::Config>> kinds = {
        {"linear", {.beta_schedule = "linear"}},
        {"the same, SD", {.beta_schedule = "linear", .linear_start = 0.00085, .linear_end = 0.012}},
        {"sqrt_linear", {.beta_schedule = "sqrt_linear"}},
        {"sqrt", {.beta_schedule = "sqrt"}},
        {"cosine", {.beta_schedule = "cosine"}}};
    const auto numbers = [](const Tensor& x) {
        return std::vector<float>(x.values().begin(), x.values().end());
    };
    std::vector<image::Curve> left, betas;
    for (const auto& [name, config] : kinds) {
        const Schedule s(config);
        left.push_back({.name = name, .y = numbers(s.sqrt_alphas_cumprod)});
        betas.push_back({.name = name, .y = numbers(s.betas)});
    }
    const auto upper = image::plot(
        left, {.title = "How much of the picture is left: sqrt(ac)", .x_label = "step t"});
    const auto lower = image::plot(
        betas,
        {.title = "How much noise each step adds: beta", .x_label = "step t", .log_y = true});
    image::Canvas canvas(upper.width, upper.height + lower.height);
    canvas.paste(upper, 0, 0);
    canvas.paste(lower, 0, upper.height);
    return canvas.image();
}

}  // namespace ldm::ddpm
