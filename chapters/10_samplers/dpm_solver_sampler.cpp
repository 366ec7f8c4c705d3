#include "chapters/10_samplers/dpm_solver_sampler.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <map>

#include "chapters/10_samplers/change_x0.h"
#include "chapters/10_samplers/dpm_adaptive.h"
#include "chapters/10_samplers/dpm_multistep.h"
#include "chapters/10_samplers/dpm_singlestep.h"

namespace ldm::samplers {
namespace {

using Method = DpmSolverOptions::Method;
using Skip = DpmSolverOptions::Skip;

template <class Value>
Value named(const io::Json& json, const char* key, const char* usual,
            const std::map<std::string, Value>& values) {
    const auto found = values.find(io::get_or(json, key, usual));
    if (found != values.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [name, value] : values) names.push_back(name);
    throw Error(fmt::format("'{}' is '{}', expected {}", key, io::get<std::string>(json, key),
                            fmt::join(names, ", ")));
}

/// The `pieces` + 1 noise levels of a grid from one to the other, both included.
std::vector<double> grid(const SigmaTable& table, Skip skip, double from, double to, int pieces) {
    const auto T = static_cast<double>(table.timesteps());
    std::vector<double> sigmas;
    for (int k = 0; k <= pieces; ++k) {
        const double share = static_cast<double>(k) / pieces;
        if (skip == Skip::logSNR) {
            sigmas.push_back(std::exp(std::lerp(std::log(from), std::log(to), share)));
            continue;
        }
        // time t from 0 to 1, where time step i is (i + 1) / T
        const double first = (table.time(from) + 1) / T, last = (table.time(to) + 1) / T;
        const double t = skip == Skip::time_uniform
                             ? std::lerp(first, last, share)
                             : std::pow(std::lerp(std::sqrt(first), std::sqrt(last), share), 2);
        sigmas.push_back(table.sigma(t * T - 1));
    }
    return sigmas;
}

/// Stops at all these noise levels but the last, where it ends.
ddpm::SigmaSchedule stops_of(const SigmaTable& table, std::vector<double> sigmas) {
    ddpm::SigmaSchedule stops;
    for (std::size_t i = 0; i + 1 < sigmas.size(); ++i)
        stops.timesteps.push_back(static_cast<float>(table.network_time(sigmas[i])));
    stops.sigmas = std::move(sigmas);
    return stops;
}

/// The noise levels of the inner calls of each step: a grid within the grid.
std::vector<std::vector<double>> inner_calls(const SigmaTable& table, Skip skip,
                                             const std::vector<double>& sigmas,
                                             const std::vector<int>& orders) {
    std::vector<std::vector<double>> inner;
    for (std::size_t i = 0; i < orders.size(); ++i) {
        const std::vector<double> all = grid(table, skip, sigmas[i], sigmas[i + 1], orders[i]);
        inner.emplace_back(all.begin() + 1, all.end() - 1);
    }
    return inner;
}

/// The orders of the steps; their number is that of the grid's pieces.
std::vector<int> orders_of(const DpmSolverOptions& options) {
    switch (options.method) {
        case Method::singlestep:
            return singlestep_orders(options.steps, options.order);
        case Method::singlestep_fixed:
            return std::vector<int>(options.steps / options.order, options.order);
        case Method::multistep:
            return std::vector<int>(options.steps, options.order);
        case Method::adaptive:
            return {options.order};
    }
    return {};
}

void expect_possible(const DpmSolverOptions& options) {
    const int order = options.order;
    if (order < 1 || order > 3 || (options.method == Method::adaptive && order == 1))
        throw Error(fmt::format("'order' is {}, expected 1, 2 or 3 (adaptive: 2 or 3)", order));
    if (options.steps < order)
        throw Error(fmt::format("{} steps are too few for order {}", options.steps, order));
    if (options.method == Method::singlestep && options.skip_type != Skip::logSNR)
        throw Error("'singlestep' needs the 'skip_type' 'logSNR'");
}

SigmaSampler::MakeSolver solver_of(const DpmSolverOptions& options,
                                   std::vector<std::vector<double>> inner) {
    const Form form = options.predict_x0 ? Form::data : Form::noise;
    const Correction correction = options.solver_type;
    if (options.method == Method::multistep)
        return makes<DpmMultistepSolver>({.form = form,
                                          .order = options.order,
                                          .correction = correction,
                                          .lower_order_final = options.lower_order_final,
                                          .after_final = options.denoise_to_zero ? 1 : 0});
    if (options.method == Method::adaptive)
        return makes<DpmAdaptiveSolver>({.controller = DpmAdaptiveSolver::Controller::dpm_solver,
                                         .form = form,
                                         .correction = correction,
                                         .order = options.order});
    return makes<DpmSinglestepSolver>(
        {.form = form, .correction = correction, .inner = std::move(inner)});
}

}  // namespace

DpmSolverOptions dpm_solver_options(const io::Json& json) {
    io::expect_only_keys(
        json,
        {"out", "predict_x0", "method", "order", "steps", "skip_type", "solver_type",
         "thresholding", "max_val", "denoise_to_zero", "lower_order_final"},
        "DPM_Solver");
    DpmSolverOptions options;
    options.predict_x0 = io::get_or(json, "predict_x0", false);
    options.method = named<Method>(json, "method", "multistep",
                                   {{"multistep", Method::multistep},
                                    {"singlestep", Method::singlestep},
                                    {"singlestep_fixed", Method::singlestep_fixed},
                                    {"adaptive", Method::adaptive}});
    options.order = io::get_or(json, "order", options.order);
    options.steps = io::get_in_or(json, "steps", 1, 10'000, options.steps);
    options.skip_type = named<Skip>(json, "skip_type", "time_uniform",
                                    {{"time_uniform", Skip::time_uniform},
                                     {"time_quadratic", Skip::time_quadratic},
                                     {"logSNR", Skip::logSNR}});
    options.solver_type =
        named<Correction>(json, "solver_type", "dpm_solver",
                          {{"dpm_solver", Correction::midpoint}, {"taylor", Correction::taylor}});
    options.thresholding = io::get_or(json, "thresholding", options.thresholding);
    options.max_val = io::get_or(json, "max_val", options.max_val);
    options.denoise_to_zero = io::get_or(json, "denoise_to_zero", options.denoise_to_zero);
    options.lower_order_final = io::get_or(json, "lower_order_final", options.lower_order_final);
    return options;
}

std::unique_ptr<SigmaSampler> make_dpm_solver(const ddpm::Schedule& schedule,
                                              const DpmSolverOptions& options) {
    expect_possible(options);
    const SigmaTable table(schedule, SigmaTable::Between::log_alpha);
    const std::vector<int> orders = orders_of(options);
    std::vector<double> sigmas = grid(table, options.skip_type, table.largest(), table.smallest(),
                                      static_cast<int>(orders.size()));
    std::vector<std::vector<double>> inner;
    if (options.method == Method::singlestep || options.method == Method::singlestep_fixed)
        inner = inner_calls(table, options.skip_type, sigmas, orders);
    if (options.denoise_to_zero) {
        sigmas.push_back(0);
        inner.emplace_back();
    }
    SigmaSampler::Options more{.between = SigmaTable::Between::log_alpha};
    if (options.thresholding)
        more.change_x0 = [most = options.max_val](const Tensor& x0, const Tensor&, double) {
            return thresholded(x0, 0.995, most, std::numeric_limits<double>::infinity());
        };
    return std::make_unique<SigmaSampler>(schedule, stops_of(table, std::move(sigmas)),
                                          solver_of(options, std::move(inner)), std::move(more));
}

}  // namespace ldm::samplers
