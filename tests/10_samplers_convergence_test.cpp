#include <cmath>

#include "chapters/10_samplers/convergence.h"
#include "chapters/10_samplers/disagreements.h"
#include "chapters/10_samplers/k_diffusion.h"
#include "chapters/10_samplers/sigma_grid.h"
#include "common/ops/elementwise.h"
#include "common/random/torch_random.h"
#include "tests/support/catch.h"

using namespace ldm;
using namespace ldm::samplers;

TEST_CASE("the solution of the differential equation is that of the formula", "[convergence]") {
    // two equal halves of one normal distribution, which the formula does not know
    const NormalMixture one({{1, 0.3, 0.8}}), halves({{0.5, 0.3, 0.8}, {0.5, 0.3, 0.8}});
    for (const double y : {-12.0, 0.0, 3.0})
        CHECK(halves.solution(y, 10, 0.1) == Approx(one.solution(y, 10, 0.1)).epsilon(1e-9));
    CHECK(one.denoised(2, 1e-6) == Approx(2));
    CHECK(one.denoised(2, 1e6) == Approx(0.3));
    CHECK_THROWS_AS(NormalMixture({}), Error);
}

TEST_CASE("every solver converges with its order", "[convergence]") {
    for (const MeasuredSolver& solver : measured_solvers()) {
        INFO(solver.name);
        CHECK(measure(solver, mixture_data()).order() == Approx(solver.order).margin(0.25));
        // which is easier: errors of one order higher may be missing
        const double order = measure(solver, normal_data()).order();
        CHECK(order > solver.order - 0.3);
        CHECK(order < solver.order + 1);
    }
}

TEST_CASE("first steps of a lower order keep it low", "[convergence]") {
    const auto order = [](const char* name, Spacing spacing) {
        return measure(measured_solver(name), mixture_data(), spacing).order();
    };
    CHECK(order("DEIS 3", Spacing::even) == Approx(2).margin(0.25));
    CHECK(order("DPM-Solver++ 3M, mended", Spacing::even) == Approx(2).margin(0.25));
    CHECK(order("LMS 4", Spacing::even) < 3.25);
    // the stops of PLMS count as evenly spaced, so it has a higher order where they are
    CHECK(order("PLMS", Spacing::even_in_sigma) > 3);
}

TEST_CASE("stochastic solvers follow the same motion with any number of steps", "[convergence]") {
    for (const char* name : {"euler_ancestral", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde"}) {
        INFO(name);
        const Errors errors = measure_strong(name, normal_data());
        CHECK(errors.order() == Approx(1).margin(0.25));
        CHECK(errors.errors.back() < 0.01);
    }
}

TEST_CASE("stochastic solvers end with the deviation of the data", "[convergence]") {
    // what strong convergence does not say: they might all follow another equation
    const ddpm::Schedule schedule({.linear_start = 0.00085, .linear_end = 0.012});
    const SigmaTable table(schedule);
    const auto [mean, deviation] = std::pair{0.3, 0.8};
    const Shape shape = {1, 1, 64, 64};
    random::TorchGenerator generator(1);
    const auto noise = [&generator](const Shape& of) {
        Tensor z(of);
        generator.normal(z.values());
        return z;
    };
    const float first = static_cast<float>(std::hypot(deviation, 10) / std::hypot(1, 10));
    const Tensor x = first * noise(shape) + static_cast<float>(mean / std::hypot(1, 10));
    for (const char* name : {"euler_ancestral", "dpm_2_ancestral", "dpmpp_2s_ancestral",
                             "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde"}) {
        INFO(name);
        const SigmaSampler sampler(schedule,
                                   grid_of(table, exponential_sigmas(10, 0.104, 120), 0.1),
                                   k_diffusion_solver(name, {}));
        const Tensor end = sampler.sample(normal_data().denoiser(table), x, noise);
        double sum = 0, squares = 0;
        for (const float value : end.values()) {
            const double y = value * std::hypot(1, 0.1);
            sum += y / 4096;
            squares += y * y / 4096;
        }
        CHECK(sum == Approx(mean).margin(0.05));
        CHECK(std::sqrt(squares - sum * sum) == Approx(std::hypot(deviation, 0.1)).epsilon(0.04));
    }
}

TEST_CASE("programs that disagree get different pictures", "[disagreements]") {
    const auto all = disagreements();
    CHECK(all.size() == 18);
    for (const Disagreement& one : all) {
        INFO(one.what);
        CHECK(std::isfinite(one.difference));
        // noise makes another picture
        CHECK((one.difference < 0.3) == (one.what.find("add back") == std::string::npos));
        // only how PLMS's steps are counted makes none
        CHECK((one.difference < 1e-5) == (one.what.find("counted") != std::string::npos));
    }
    CHECK(text_of(all).find("σ = 14.615") != std::string::npos);
}
