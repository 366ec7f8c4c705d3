#include "chapters/10_samplers/convergence.h"

#include <algorithm>
#include <cmath>

#include "chapters/10_samplers/dpm_multistep.h"
#include "chapters/10_samplers/dpm_singlestep.h"
#include "chapters/10_samplers/euler.h"
#include "chapters/10_samplers/k_diffusion.h"
#include "chapters/10_samplers/linear_multistep.h"
#include "chapters/10_samplers/samplers.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "chapters/10_samplers/two_stage.h"
#include "chapters/10_samplers/unipc.h"

namespace ldm::samplers {
namespace {

// Inside of the noise levels that Stable Diffusion knows, so that its table serves: between two
// time steps both ways, from times to noise levels and back, take log sigma for a straight line,
// and the time that the network is given says the noise level to the last digits of float32.
constexpr double first_sigma = 10, last_sigma = 0.1;

const ddpm::Schedule& stable_diffusion() {
    static const ddpm::Schedule schedule({.linear_start = 0.00085, .linear_end = 0.012});
    return schedule;
}

template <class SolverType>
MeasuredSolver measured(std::string name, double order, const typename SolverType::Options& options,
                        int calls = 1) {
    return {std::move(name), calls, order,
            [options](const auto&) { return std::make_unique<SolverType>(options); }};
}

/// The noise levels of the inner calls of a step, evenly in log sigma.
std::vector<double> inner_levels(double from, double to, int order) {
    std::vector<double> levels = exponential_sigmas(from, to, order + 1);
    return {levels.begin() + 1, levels.end() - 1};
}

MeasuredSolver singlestep_solver(const std::string& name, Form form, int order) {
    return {name, order, static_cast<double>(order), [=](const std::vector<double>& sigmas) {
                std::vector<std::vector<double>> inner;
                for (std::size_t i = 0; i + 1 < sigmas.size(); ++i)
                    inner.push_back(inner_levels(sigmas[i], sigmas[i + 1], order));
                return std::make_unique<DpmSinglestepSolver>(
                    DpmSinglestepSolver::Options{.form = form, .inner = inner});
            }};
}

/// Its errors of second and of third order have opposite signs, and where the first steps are short
/// they cancel in part for as many steps as can be measured.
MeasuredSolver with_even_steps(MeasuredSolver solver) {
    solver.spacing = Spacing::even;
    return solver;
}

/// 64 numbers between -2 and 2 deviations of what the forward process ends with.
Tensor first_x() {
    Tensor x({1, 1, 8, 8});
    for (int i = 0; i < 64; ++i) x.data()[i] = static_cast<float>(-2 + 4 * i / 63.0);
    return x;
}

double root_mean_square(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value * value;
    return std::sqrt(sum / static_cast<double>(values.size()));
}

/// y at the end.
std::vector<double> solved(const NormalMixture& data, const std::vector<double>& sigmas,
                           const SigmaSampler::MakeSolver& make, StepNoise noise = {}) {
    const SigmaTable table(stable_diffusion());
    SigmaSampler::Options options;
    if (noise) options.step_noise = [noise](const auto&...) { return noise; };
    const SigmaSampler sampler(stable_diffusion(),
                               grid_of(table, {sigmas.begin(), sigmas.end() - 1}, sigmas.back()),
                               make, options);
    const Tensor x = sampler.sample(data.denoiser(table), first_x());
    std::vector<double> y(x.values().begin(), x.values().end());
    for (double& value : y) value *= std::hypot(sigmas.back(), 1);
    return y;
}

std::vector<double> differences(std::vector<double> a, const std::vector<double>& b) {
    std::ranges::transform(a, b, a.begin(), std::minus());
    return a;
}

}  // namespace

//! [solvers]
const std::vector<MeasuredSolver>& measured_solvers() {
    using Linear = LinearMultistepSolver;
    using Variable = Linear::Variable;
    using Two = TwoStageSolver;
    using Multi = DpmMultistepSolver;
    using Uni = UniPcSolver;
    static const std::vector<MeasuredSolver> all = {
        measured<EulerSolver>("Euler", 1, {}),
        measured<Two>("Heun", 2, {}, 2),
        measured<Two>("midpoint (DPM2)", 2, {.second = Two::Stage::midpoint}, 2),
        measured<Linear>("LMS 2", 2, {.order = 2}),
        measured<Linear>("LMS 3", 3, {.order = 3}),
        measured<Linear>("LMS 4", 4, {.order = 4}),
        measured<Linear>("DEIS 2", 2, {.variable = Variable::log_sigma, .order = 2}),
        measured<Linear>("DEIS 3", 3, {.variable = Variable::log_sigma, .order = 3}),
        measured<Linear>("PLMS", 2,
                         {.variable = Variable::index, .start = Linear::Start::improved_euler}),
        measured<Multi>("DPM-Solver 2M", 2, {.form = Form::noise, .order = 2}),
        with_even_steps(measured<Multi>("DPM-Solver 3M", 2, {.form = Form::noise, .order = 3})),
        measured<Multi>("DPM-Solver 3M, mended", 3,
                        {.form = Form::noise, .order = 3, .whole_curvature = true}),
        measured<Multi>("DPM-Solver++ 1M", 1, {.order = 1}),
        measured<Multi>("DPM-Solver++ 2M", 2, {.order = 2}),
        measured<Multi>("DPM-Solver++ 3M", 2, {.order = 3}),
        measured<Multi>("DPM-Solver++ 3M, mended", 3, {.order = 3, .whole_curvature = true}),
        singlestep_solver("DPM-Solver 2S", Form::noise, 2),
        singlestep_solver("DPM-Solver 3S", Form::noise, 3),
        singlestep_solver("DPM-Solver++ 2S", Form::data, 2),
        singlestep_solver("DPM-Solver++ 3S", Form::data, 3),
        measured<Uni>("UniPC 2", 3, {.order = 2, .lower_order_final = false}),
        measured<Uni>("UniPC 3", 4, {.order = 3, .lower_order_final = false}),
    };
    return all;
}
//! [solvers]

const MeasuredSolver& measured_solver(const std::string& name) {
    const auto found = std::ranges::find(measured_solvers(), name, &MeasuredSolver::name);
    expect(found != measured_solvers().end(), "no solver '" + name + "' is measured");
    return *found;
}

std::vector<double> measured_grid(Spacing spacing, int steps) {
    if (spacing == Spacing::even) return exponential_sigmas(first_sigma, last_sigma, steps + 1);
    std::vector<double> sigmas;
    for (int i = 0; i <= steps; ++i) {
        if (spacing == Spacing::even_in_sigma) {
            sigmas.push_back(std::lerp(first_sigma, last_sigma, static_cast<double>(i) / steps));
            continue;
        }
        const double share = static_cast<double>(i) / steps;
        sigmas.push_back(first_sigma * std::pow(last_sigma / first_sigma, share * share));
    }
    return sigmas;
}

double Errors::order() const {
    constexpr std::size_t wanted = 4;
    // the factors of a step are float32, and with even steps the same ones are rounded every time
    const auto rounding = [](int calls) { return std::max(3e-6, 5e-8 * calls); };
    std::vector<double> x, y;
    for (std::size_t i = calls.size(); i-- > 0 && x.size() < wanted;) {
        if (errors[i] < rounding(calls[i])) continue;
        x.push_back(std::log(calls[i]));
        y.push_back(std::log(errors[i]));
    }
    expect(x.size() == wanted, "too few errors above what float32 rounds away");
    double mean_x = 0, mean_y = 0, xy = 0, xx = 0;
    for (std::size_t i = 0; i < wanted; ++i) {
        mean_x += x[i] / wanted;
        mean_y += y[i] / wanted;
    }
    for (std::size_t i = 0; i < wanted; ++i) {
        xy += (x[i] - mean_x) * (y[i] - mean_y);
        xx += (x[i] - mean_x) * (x[i] - mean_x);
    }
    return -xy / xx;
}

Errors measure(const MeasuredSolver& solver, const NormalMixture& data) {
    return measure(solver, data, solver.spacing);
}

//! [measure]
Errors measure(const MeasuredSolver& solver, const NormalMixture& data, Spacing spacing) {
    std::vector<double> exact;
    const Tensor begin = first_x();
    for (const float x : begin.values())
        exact.push_back(data.solution(x * std::hypot(first_sigma, 1), first_sigma, last_sigma));

    Errors result;
    for (const int steps : {8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256}) {
        const std::vector<double> sigmas = measured_grid(spacing, steps);
        const auto y = solved(data, sigmas, [&] { return solver.make(sigmas); });
        result.calls.push_back(steps * solver.calls);
        result.errors.push_back(root_mean_square(differences(y, exact)));
    }
    return result;
}
//! [measure]

const NormalMixture& normal_data() {
    static const NormalMixture data({{1, 0.3, 0.8}});
    return data;
}

const NormalMixture& mixture_data() {
    static const NormalMixture data({{0.3, -1, 0.4}, {0.5, 0.2, 0.5}, {0.2, 1.4, 0.3}});
    return data;
}

Errors measure_strong(const std::string& k_diffusion_name, const NormalMixture& data) {
    const auto make = k_diffusion_solver(k_diffusion_name, {});
    // one motion for all numbers of steps
    const StepNoise noise = brownian_noise({1}, {1, 1, 8, 8}, last_sigma, first_sigma);
    const auto with_steps = [&](int steps) {
        return solved(data, measured_grid(Spacing::even, steps), make, noise);
    };
    const std::vector<double> fine = with_steps(4096);
    Errors result;
    for (const int steps : {8, 16, 32, 64, 128, 256}) {
        result.calls.push_back(steps);
        result.errors.push_back(root_mean_square(differences(with_steps(steps), fine)));
    }
    return result;
}

}  // namespace ldm::samplers
