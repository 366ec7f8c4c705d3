#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "chapters/01_ddpm/reverse_process.h"
#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/10_samplers/convergence.h"
#include "chapters/10_samplers/dpm_multistep.h"
#include "chapters/10_samplers/euler.h"
#include "chapters/10_samplers/k_diffusion.h"
#include "chapters/10_samplers/linear_multistep.h"
#include "chapters/10_samplers/samplers.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "chapters/10_samplers/unipc.h"
#include "common/random/brownian_tree.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::samplers;
using test::close;
using test::has_text;

namespace {

const ddpm::Schedule stable_diffusion({.linear_start = 0.00085, .linear_end = 0.012});
const SigmaTable table(stable_diffusion);
const Tensor first = test::noise({1, 2, 3, 3}, 1);

ddpm::Denoiser network(const SigmaTable& sigmas = table) { return mixture_data().denoiser(sigmas); }

template <class SolverType>
SigmaSampler sampler(const ddpm::SigmaSchedule& stops,
                     const typename SolverType::Options& options) {
    return {stable_diffusion, stops, [options] { return std::make_unique<SolverType>(options); }};
}

const ddpm::SamplerList& known() { return ldm::samplers::samplers(); }

/// The same noise for every run.
ddpm::Noise counted_noise() {
    return [count = 1](const Shape& shape) mutable { return test::noise(shape, ++count); };
}

ddpm::SigmaSchedule ten_karras() { return karras_grid(table, 10); }

}  // namespace

TEST_CASE("Euler along DDIM's stops is DDIM", "[euler]") {
    for (const int steps : {1, 7, 30}) {
        const pipeline::DDIMSampler ddim(stable_diffusion, {.S = steps});
        const auto euler = sampler<EulerSolver>(ddim.stops(), {});
        CHECK(close(euler.sample(network(), first), ddim.sample(network(), first), 1e-5) == "");
    }
    // with noise, too
    const pipeline::DDIMSampler noisy(stable_diffusion, {.S = 20, .eta = 0.6f});
    const auto euler = sampler<EulerSolver>(noisy.stops(), {.split = ancestral(0.6)});
    CHECK(close(euler.sample(network(), first, counted_noise()),
                noisy.sample(network(), first, counted_noise()), 2e-5) == "");
}

TEST_CASE("Euler ancestral along all steps is the ancestral sampler of DDPM", "[euler]") {
    const ddpm::Schedule short_schedule({.timesteps = 40, .linear_end = 0.2});
    const SigmaTable sigmas(short_schedule);
    std::vector<int> all(40);
    std::iota(all.begin(), all.end(), 0);
    const SigmaSampler euler(short_schedule, ddpm::sigmas_at(short_schedule, all, 0),
                             k_diffusion_solver("euler_ancestral", {.eta = 1}));
    CHECK(close(euler.sample(network(sigmas), first, counted_noise()),
                p_sample_loop(short_schedule, network(sigmas), first, counted_noise(),
                              {.clip_denoised = false}),
                2e-5) == "");
}

TEST_CASE("special cases of solvers are other solvers", "[solvers]") {
    const auto of_k = [](const std::string& name, const KDiffusionOptions& options) {
        return SigmaSampler(stable_diffusion, ten_karras(), k_diffusion_solver(name, options))
            .sample(network(), first, counted_noise());
    };
    const Tensor euler = of_k("euler", {});
    CHECK(close(of_k("dpmpp_2m_sde", {.eta = 0}), of_k("dpmpp_2m", {}), 0.0) == "");
    CHECK(close(of_k("euler_ancestral", {.eta = 0}), euler, 0.0) == "");
    CHECK(close(of_k("lms", {.order = 1}), euler, 1e-5) == "");
    CHECK_FALSE(close(of_k("lms", {.order = 2}), euler, 1e-3) == "");
    const auto multistep = sampler<DpmMultistepSolver>(ten_karras(), {.order = 1});
    CHECK(close(multistep.sample(network(), first), euler, 1e-5) == "");

    std::vector<int> never(10);
    std::iota(never.begin(), never.end(), 0);
    const auto unipc = sampler<UniPcSolver>(ten_karras(), {.order = 1, .disable_corrector = never});
    CHECK(close(unipc.sample(network(), first), euler, 1e-5) == "");
    CHECK_FALSE(close(sampler<UniPcSolver>(ten_karras(), {.order = 1}).sample(network(), first),
                      euler, 1e-3) == "");
}

TEST_CASE("DEIS 3 is the third order of DPM-Solver with its whole curvature", "[solvers]") {
    // both integrate the parabola through the last three noise predictions
    const ddpm::SigmaSchedule stops = grid_of(table, exponential_sigmas(10, 0.12, 12), 0.1);
    const auto deis = sampler<LinearMultistepSolver>(
        stops, {.variable = LinearMultistepSolver::Variable::log_sigma, .order = 3});
    const auto dpm = [&](bool whole) {
        return sampler<DpmMultistepSolver>(stops, {.form = Form::noise,
                                                   .order = 3,
                                                   .correction = Correction::taylor,
                                                   .whole_curvature = whole})
            .sample(network(), first);
    };
    const Tensor expected = deis.sample(network(), first);
    CHECK(close(dpm(true), expected, 2e-5) == "");
    CHECK_FALSE(close(dpm(false), expected, 1e-4) == "");
}

TEST_CASE("the weights of Adams and Bashforth", "[lms]") {
    using Variable = LinearMultistepSolver::Variable;
    const std::vector<double> classical = {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24};
    const std::vector<double> even = {1.0, 1.5, 2.0, 2.5}, uneven = {1.0, 4.0, 4.5, 9.0};
    const auto of_sigma = adams_bashforth(Variable::sigma, even, 0.5);
    const auto of_index = adams_bashforth(Variable::index, uneven, 0.5);
    REQUIRE((of_sigma.size() == 4 && of_index.size() == 4));
    for (int j = 0; j < 4; ++j) {
        CHECK(of_sigma[j] == Approx(-0.5 * classical[j]));
        CHECK(of_index[j] == Approx(-0.5 * classical[j]));
    }
    // a constant is integrated exactly, whatever the variable
    for (const auto variable : {Variable::sigma, Variable::log_sigma, Variable::index}) {
        const auto weights = adams_bashforth(variable, uneven, 0.5);
        CHECK(std::accumulate(weights.begin(), weights.end(), 0.0) == Approx(-0.5));
    }
    // and log sigma in its variable: ∫ log sigma dsigma = sigma log sigma - sigma
    const auto weights = adams_bashforth(Variable::log_sigma, uneven, 0.5);
    double sum = 0;
    for (int j = 0; j < 4; ++j) sum += weights[j] * std::log(uneven[j]);
    CHECK(sum == Approx(0.5 * std::log(0.5) - 0.5 + 1));
    CHECK_THROWS_WITH(adams_bashforth(Variable::log_sigma, uneven, 0), has_text("noise level 0"));
}

TEST_CASE("every grid falls, has as many stops as asked for and ends where it says", "[grid]") {
    for (const GridKind& kind : grids()) {
        for (const int steps : {1, 2, 3, 10, 20, 50, 100}) {
            INFO(kind.name << " " << steps);
            const ddpm::SigmaSchedule stops = kind.make(table, steps);
            CHECK(stops.steps() == steps);
            REQUIRE(static_cast<int>(stops.sigmas.size()) == steps + 1);
            CHECK(std::ranges::adjacent_find(stops.sigmas, std::less_equal()) ==
                  stops.sigmas.end());
            CHECK(std::ranges::adjacent_find(stops.timesteps, std::less_equal()) ==
                  stops.timesteps.end());
            CHECK(stops.sigmas.back() == (kind.name == "ddim" ? table.smallest() : 0));
        }
    }
    const ddpm::SigmaSchedule karras = karras_grid(table, 20);
    CHECK(karras.sigmas.front() == Approx(table.largest()).epsilon(1e-12));
    CHECK(karras.sigmas[19] == Approx(table.smallest()).epsilon(1e-12));
    CHECK(discrete_grid(table, 20).timesteps.back() == 0);
    CHECK(sgm_uniform_grid(table, 9).timesteps.back() == Approx(111));
    CHECK_THROWS_WITH(find_grid("karas"),
                      has_text("unknown schedule 'karas'") && has_text("karras"));
}

TEST_CASE("a time's noise level belongs to that time", "[table]") {
    for (const auto between : {SigmaTable::Between::log_sigma, SigmaTable::Between::log_alpha}) {
        const SigmaTable sigmas(stable_diffusion, between);
        for (const double time : {0.0, 0.5, 1.0, 17.25, 500.0, 998.5, 999.0})
            CHECK(sigmas.time(sigmas.sigma(time)) == Approx(time).margin(1e-7));
        CHECK(std::is_sorted(stable_diffusion.betas.data(), stable_diffusion.betas.data() + 1000));
        CHECK(sigmas.smallest() == Approx(0.0292).epsilon(1e-2));
        CHECK(sigmas.largest() == Approx(14.6146).epsilon(1e-5));
    }
    // k-diffusion stays inside, DPM-Solver goes on
    CHECK(table.time(100) == 999);
    CHECK(SigmaTable(stable_diffusion, SigmaTable::Between::log_alpha).time(100) > 999);
}

TEST_CASE("a Brownian motion adds up, whoever asks for what part of it first", "[brownian]") {
    const std::size_t size = 4000;
    const random::BrownianTree tree(0.1, 10, size, 3), again(0.1, 10, size, 3);
    const auto all = tree.increment(1, 9), lower = tree.increment(1, 4),
               upper = tree.increment(4, 9);
    double variance = 0, product = 0;
    for (std::size_t i = 0; i < size; ++i) {
        CHECK(lower[i] + upper[i] == Approx(all[i]).margin(1e-5));
        variance += lower[i] * lower[i] / size;
        product += lower[i] * upper[i] / size;
    }
    CHECK(variance == Approx(3).epsilon(0.1));
    CHECK(product == Approx(0).margin(0.3));
    CHECK(again.increment(4, 9) == upper);
    CHECK(again.increment(1, 9) == all);
    CHECK(random::BrownianTree(0.1, 10, size, 4).increment(4, 9) != upper);
    CHECK_THROWS_AS(tree.increment(0.05, 1), Error);
}

TEST_CASE("every sampler is found by its names, and no name is two samplers'", "[samplers]") {
    std::set<std::string> names;
    for (const ddpm::SamplerKind& kind : known()) {
        INFO(kind.name);
        CHECK_FALSE((kind.label.empty() || kind.help.empty()));
        CHECK(names.insert(kind.name).second);
        CHECK(&ddpm::find_sampler(known(), kind.name) == &kind);
        for (const std::string& alias : kind.aliases) {
            INFO(alias);
            CHECK(names.insert(alias).second);
            CHECK(&ddpm::find_sampler(known(), alias) == &kind);
        }
        const auto made = kind.make(stable_diffusion, {});
        CHECK(std::ranges::is_sorted(made->stops().sigmas, std::greater()));
        CHECK(made->initial_noise() <= 1);
        CHECK(made->initial_noise() > 0.99);
    }
}

TEST_CASE("every sampler leads to numbers, with few steps and with many", "[samplers]") {
    for (const ddpm::SamplerKind& kind : known()) {
        for (const int steps : {1, 2, 3, 4, 30}) {
            if (kind.name == "ddpm" || kind.name == "dpm_adaptive") continue;
            INFO(kind.name << " " << steps);
            const auto made = kind.make(stable_diffusion, {.steps = steps});
            CHECK(made->steps() <= steps);
            const Tensor end = made->sample(network(), first, counted_noise());
            CHECK(std::ranges::all_of(end.values(), [](float x) { return std::isfinite(x); }));
        }
    }
}

TEST_CASE("every sampler can begin at a later step", "[samplers]") {
    const std::set<std::string> without_memory = {"euler", "heun", "dpm2", "ddim", "dpm_fast"};
    for (const ddpm::SamplerKind& kind : known()) {
        if (kind.name == "ddpm" || kind.name == "dpm_adaptive") continue;
        INFO(kind.name);
        const auto made = kind.make(stable_diffusion, {.steps = 9});
        std::vector<Tensor> seen;
        const Tensor end =
            made->sample(network(), first, counted_noise(), [&](const ddpm::SamplerStep& step) {
                seen.push_back(step.x);
                return true;
            });
        for (const int begin : {1, 2, made->steps() - 1}) {
            int observed = 0;
            const Tensor other = made->sample(
                network(), seen[begin - 1], counted_noise(),
                [&](const ddpm::SamplerStep& step) {
                    CHECK(step.count == made->steps() - begin);
                    CHECK(step.index == step.count - ++observed);
                    return true;
                },
                {}, begin);
            CHECK(observed == made->steps() - begin);
            CHECK(std::ranges::all_of(other.values(), [](float x) { return std::isfinite(x); }));
            // from where it was it comes to the same end
            if (without_memory.contains(kind.name)) CHECK(test::close(other, end, 1e-5) == "");
        }
        CHECK(test::close(made->sample(network(), first, {}, {}, {}, made->steps()), first, 0.0) ==
              "");
        CHECK_THROWS_AS(made->sample(network(), first, {}, {}, {}, made->steps() + 1), Error);
    }
}

TEST_CASE("what is known stays, with one noise for all steps or new ones", "[samplers]") {
    const Tensor picture = test::noise({1, 1, 4, 4}, 5), noise = test::noise({1, 1, 4, 4}, 6);
    Tensor mask = Tensor::zeros({1, 1, 4, 4});
    for (int i = 0; i < 8; ++i) mask.data()[i] = 1;
    for (const char* name : {"ddim", "euler", "dpm++2m", "heun"}) {
        INFO(name);
        const auto made = ddpm::find_sampler(known(), name).make(stable_diffusion, {.steps = 8});
        std::vector<Tensor> inputs;
        const ddpm::Denoiser watched = [&](const Tensor& x, const Tensor& t) {
            inputs.push_back(x);
            return network()(x, t);
        };
        (void)made->sample(watched, noise, {}, {}, {picture, mask, noise});
        // the known half of the first input is the picture with that noise
        const double ac = made->stops().alpha_cumprod(0);
        for (int i = 0; i < 8; ++i) {
            const double there =
                std::sqrt(ac) * picture.data()[i] + std::sqrt(1 - ac) * noise.data()[i];
            CHECK(inputs[0].data()[i] == Approx(there).margin(1e-4));
        }
        CHECK_THROWS_AS(made->sample(watched, noise, {}, {}, {picture, mask}), Error);
    }
}

TEST_CASE("what a sampler cannot do it says", "[samplers]") {
    const auto refusal = [](const std::string& name, const ddpm::SamplerOptions& options) {
        try {
            (void)ddpm::find_sampler(known(), name).make(stable_diffusion, options);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string("none");
    };
    for (const ddpm::SamplerKind& kind : known())
        for (const int steps : {0, -1, 1'000'000}) {
            INFO(kind.name << " " << steps);
            CHECK_THAT(refusal(kind.name, {.steps = steps}), has_text(" ") && !has_text("none"));
        }
    CHECK_THAT(refusal("euler", {.steps = 0}), has_text("makes 1 to 1000 steps, not 0"));
    CHECK_THAT(refusal("euler_a", {.eta = 0.0f}), has_text("above 0"));
    CHECK_THAT(refusal("euler_a", {.eta = std::numeric_limits<float>::quiet_NaN()}),
               has_text("above 0"));
    CHECK_THAT(refusal("euler", {.eta = 0.5f}), has_text("adds no noise"));
    CHECK_THAT(refusal("euler", {.schedule = "karas"}), has_text("karras"));
    CHECK_THAT(refusal("ddim", {.schedule = "karras"}), has_text("schedule"));
    CHECK_THAT(refusal("dpm_adaptive", {.steps = 20}), has_text("chooses its own steps"));
    CHECK_THAT(refusal("lcm", {.steps = 51}), has_text("50"));
    CHECK(refusal("euler", {.steps = 1000, .schedule = "karras"}) == "none");
}
