#include "chapters/10_samplers/scheduler_stops.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/10_samplers/sigma_grid.h"

namespace ldm::samplers {
namespace {

double setting_or(const SchedulerSettings& settings, std::string_view key, double usual) {
    return settings.has(key) ? settings.get<double>(key) : usual;
}

/// T, T - T/n, … while above 0, each minus 1.
std::vector<double> trailing_times(double from, double T, int steps) {
    std::vector<double> times;
    // as numpy's arange: so many that the last is above 0
    const double ratio = T / steps;
    const auto count = static_cast<int>(std::ceil(from / ratio));
    for (int i = 0; i < count; ++i) times.push_back(std::nearbyint(from - i * ratio) - 1);
    return times;
}

/// What use_karras_sigmas and the like ask for between two noise levels, or nothing.
std::vector<double> asked_sigmas(const SchedulerSettings& settings, double largest, double smallest,
                                 int steps) {
    if (settings.asks_for("use_karras_sigmas")) return karras_sigmas(largest, smallest, steps);
    if (settings.asks_for("use_exponential_sigmas") || settings.asks_for("use_lu_lambdas"))
        return exponential_sigmas(largest, smallest, steps);
    if (settings.asks_for("use_beta_sigmas")) return beta_sigmas(largest, smallest, steps);
    return {};
}

}  // namespace

std::vector<double> spaced_times(const SchedulerSettings& settings, int steps, bool rounded) {
    const int T = settings.get<int>("num_train_timesteps");
    const auto spacing = settings.get<std::string>("timestep_spacing");
    if (spacing == "trailing") return trailing_times(T, T, steps);
    std::vector<double> times;
    for (int i = steps - 1; i >= 0; --i) {
        if (spacing == "leading") {
            const int time = i * (T / steps) + settings.get<int>("steps_offset");
            times.push_back(time);
        } else {
            const double time = steps == 1 ? 0 : i * ((T - 1.0) / (steps - 1));
            times.push_back(rounded ? std::nearbyint(time) : time);
        }
    }
    return times;
}

std::vector<double> solver_times(const SchedulerSettings& settings, const SigmaTable& table,
                                 int steps) {
    int T = settings.get<int>("num_train_timesteps");
    const bool has_spacing = settings.has("timestep_spacing");
    const auto spacing =
        has_spacing ? settings.get<std::string>("timestep_spacing") : std::string("linspace");
    if (settings.has("lambda_min_clipped")) {
        // the steps with less signal than that are left out: the cosine schedule's last ones
        const auto least = settings.get<double>("lambda_min_clipped");
        while (T > 1 && -std::log(table.sigma(T - 1)) < least) --T;
    }
    if (spacing == "trailing")
        return trailing_times(T, settings.get<int>("num_train_timesteps"), steps);
    std::vector<double> times;
    for (int i = steps; i >= 1; --i) {
        if (spacing == "leading") {
            const int time = i * (T / (steps + 1)) + settings.get<int>("steps_offset");
            times.push_back(time);
        } else {
            times.push_back(std::nearbyint(i * ((T - 1.0) / steps)));
        }
    }
    return times;
}

ddpm::SigmaSchedule stops_at(const SigmaTable& table, const std::vector<double>& times,
                             double last) {
    ddpm::SigmaSchedule stops;
    for (const double time : times) {
        if (time < 0 || time > table.timesteps() - 1)
            throw Error(
                fmt::format("the scheduler would stop at time step {}, outside the model's 0 to {}",
                            time, table.timesteps() - 1));
        stops.timesteps.push_back(static_cast<float>(time));
        stops.sigmas.push_back(table.sigma_linear(time));
    }
    stops.sigmas.push_back(last);
    return stops;
}

ddpm::SigmaSchedule k_diffusion_stops(const SchedulerSettings& settings, const SigmaTable& table,
                                      int steps) {
    ddpm::SigmaSchedule stops = stops_at(table, spaced_times(settings, steps, false), 0);
    if (settings.is("interpolation_type", "log_linear"))
        // one more than there are steps: the last step ends there instead of at 0
        stops.sigmas = exponential_sigmas(table.largest(), table.smallest(), steps + 1);
    const double largest = setting_or(settings, "sigma_max", stops.sigmas.front());
    const double smallest = setting_or(settings, "sigma_min", stops.sigmas[stops.steps() - 1]);
    if (const auto asked = asked_sigmas(settings, largest, smallest, steps); !asked.empty())
        stops = grid_of(table, asked);
    const bool rounds = settings.class_name().starts_with("KDPM2");
    if (rounds && settings.asks_for("use_karras_sigmas"))
        for (float& time : stops.timesteps) time = std::nearbyint(time);
    if (settings.is("final_sigmas_type", "sigma_min")) stops.sigmas.back() = table.smallest();
    // EDM's time (Karras et al., 2022)
    if (settings.is("timestep_type", "continuous") &&
        settings.is("prediction_type", "v_prediction"))
        for (int i = 0; i < stops.steps(); ++i)
            stops.timesteps[i] = static_cast<float>(0.25 * std::log(stops.sigmas[i]));
    return stops;
}

ddpm::SigmaSchedule solver_stops(const SchedulerSettings& settings, const SigmaTable& table,
                                 int steps) {
    const bool to_zero = settings.is("final_sigmas_type", "zero");
    const double largest = setting_or(settings, "sigma_max", table.largest());
    const double smallest = setting_or(settings, "sigma_min", table.smallest());
    const std::vector<double> asked = asked_sigmas(settings, largest, smallest, steps);
    if (asked.empty())
        return stops_at(table, solver_times(settings, table, steps),
                        to_zero ? 0 : table.smallest());
    ddpm::SigmaSchedule stops = grid_of(table, asked, to_zero ? 0 : table.smallest());
    // rounded, but for the cosine schedule's of DPMSolverMultistep; the others are cut off
    const bool cuts = settings.class_name() == "DPMSolverMultistepScheduler" &&
                      settings.is("beta_schedule", "squaredcos_cap_v2");
    const bool rounds =
        !cuts && (settings.asks_for("use_karras_sigmas") || settings.asks_for("use_lu_lambdas"));
    for (int i = 0; i < stops.steps(); ++i) {
        const double time = table.time(asked[i]);
        stops.timesteps[i] = static_cast<float>(rounds ? std::nearbyint(time) : std::floor(time));
    }
    return stops;
}

}  // namespace ldm::samplers
