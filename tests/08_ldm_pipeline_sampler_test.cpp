#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "chapters/01_ddpm/reverse_process.h"
#include "chapters/01_ddpm/verify_support.h"
#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/08_ldm_pipeline/samplers.h"
#include "chapters/08_ldm_pipeline/to_uint8.h"
#include "chapters/08_ldm_pipeline/verify.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::pipeline;
using ddpm::at;
using ddpm::Schedule;
using test::close;
using test::has_text;

namespace {

const Schedule stable_diffusion({.linear_start = 0.00085, .linear_end = 0.012});

/// The best noise prediction when all pictures are normal numbers of deviation c.
ddpm::Denoiser best_for_normal_pictures(const Schedule& s, float c) {
    return [&s, c](const Tensor& x, const Tensor& t) {
        const Tensor ac = at(s.alphas_cumprod, t);
        return at(s.sqrt_one_minus_alphas_cumprod, t) * x / (c * c * ac - ac + 1.0f);
    };
}

}  // namespace

TEST_CASE("every stored case of the samplers and of bytes passes", "[pipeline]") {
    verify::Registry registry;
    register_components(registry);
    test::check_cases("08_ldm_pipeline", registry);
}

TEST_CASE("DDIM stops at evenly spaced steps, or at more of them where noise is low", "[ddim]") {
    CHECK(make_ddim_timesteps("uniform", 5, 1000) == std::vector{1, 201, 401, 601, 801});
    CHECK(make_ddim_timesteps("uniform", 7, 1000).size() ==
          // 1000 / 7 = 142, and 8 times that fit
          8);
    CHECK(make_ddim_timesteps("quad", 3, 1000) == std::vector{1, 201, 801});
    CHECK(make_ddim_timesteps("even", 7, 1000) == std::vector{1, 143, 286, 429, 572, 715, 858});
    CHECK_THROWS_WITH(make_ddim_timesteps("uniform", 0, 1000), has_text("0 steps"));
    CHECK_THROWS_WITH(make_ddim_timesteps("uniform", 1001, 1000), has_text("1001 steps"));
    CHECK_THROWS_WITH(make_ddim_timesteps("karras", 5, 1000), has_text("'karras'"));
}

TEST_CASE("every number of steps makes a trajectory inside the schedule", "[ddim]") {
    for (const char* method : {"uniform", "quad"})
        for (int S = 1; S <= 1000; ++S) {
            const DDIMSampler sampler(stable_diffusion,
                                      {.S = S, .eta = 1.0f, .ddim_discretize = method});
            const auto& t = sampler.timesteps();
            INFO(method << " " << S);
            REQUIRE(static_cast<int>(t.size()) >= std::min(S, 999));
            REQUIRE((t.front() >= 1 && t.back() <= 999 && std::ranges::is_sorted(t)));
            if (std::string(method) == "uniform") REQUIRE(std::ranges::adjacent_find(t) == t.end());
        }
    // where upstream would read past the end
    CHECK(DDIMSampler(stable_diffusion, {.S = 3, .ddim_discretize = "uniform"}).timesteps() ==
          std::vector{1, 334, 667, 999});
    const Schedule two({.timesteps = 2});
    CHECK(DDIMSampler(two, {.S = 2, .ddim_discretize = "uniform"}).timesteps() == std::vector{1});
}

TEST_CASE("DDIM makes exactly the number of steps that is asked for", "[ddim]") {
    for (int S = 1; S <= 1000; ++S) {
        const DDIMSampler sampler(stable_diffusion, {.S = S});
        const auto& t = sampler.timesteps();
        INFO(S);
        REQUIRE(sampler.steps() == S);
        REQUIRE(static_cast<int>(t.size()) == S);
        REQUIRE((t.front() >= 0 && t.back() <= 999 && std::ranges::is_sorted(t)));
        REQUIRE(std::ranges::adjacent_find(t) == t.end());
        // where the original makes as many, these are its steps
        if (1000 % S == 0 && S < 1000) REQUIRE(t == make_ddim_timesteps("uniform", S, 1000));
    }
}

TEST_CASE("a schedule of sigmas gives back the ac that it was made of", "[ddim]") {
    std::vector<int> all(1000);
    std::iota(all.begin(), all.end(), 0);
    const auto stops = ddpm::sigmas_at(stable_diffusion, all, 0.0);
    for (int i = 0; i < 1000; ++i)
        REQUIRE(stops.alpha_cumprod(i) == stable_diffusion.alphas_cumprod.data()[999 - i]);
    CHECK(stops.alpha_cumprod(1000) == 1.0f);
    CHECK_THROWS_AS(ddpm::sigmas_at(stable_diffusion, {1000}, 0.0), Error);
}

TEST_CASE("samplers are made by name, and say what they cannot do", "[sampler]") {
    for (const ddpm::SamplerKind& kind : samplers()) {
        INFO(kind.name);
        CHECK(&find_sampler(samplers(), kind.name) == &kind);
        CHECK_FALSE((kind.label.empty() || kind.help.empty()));
        const auto sampler = kind.make(stable_diffusion, {});
        CHECK(sampler->steps() == static_cast<int>(sampler->stops().timesteps.size()));
        CHECK(sampler->stops().sigmas.size() == sampler->stops().timesteps.size() + 1);
        CHECK(std::ranges::is_sorted(sampler->stops().sigmas, std::greater()));
    }
    CHECK_THROWS_WITH(find_sampler(samplers(), "best"),
                      has_text("unknown sampler 'best'") && has_text("ddim, ddpm"));
    const auto& ddim = find_sampler(samplers(), "ddim");
    CHECK(ddim.make(stable_diffusion, {})->steps() == 50);
    CHECK(ddim.make(stable_diffusion, {.steps = 30})->steps() == 30);
    CHECK_THROWS_WITH(ddim.make(stable_diffusion, {.steps = 1001}), has_text("1001 steps"));
    const auto& ddpm = find_sampler(samplers(), "ddpm");
    CHECK(ddpm.make(stable_diffusion, {})->steps() == 1000);
    CHECK_THROWS_WITH(ddpm.make(stable_diffusion, {.steps = 5}), has_text("1000 steps"));
    CHECK_THROWS_WITH(ddpm.make(stable_diffusion, {.eta = 0.5f}), has_text("eta"));
}

TEST_CASE("the ancestral sampler by its name is p_sample_loop", "[sampler]") {
    const Schedule s({.timesteps = 20, .linear_end = 0.2});
    const auto model = best_for_normal_pictures(s, 0.7f);
    const Tensor x_T = test::noise({1, 2, 3, 3}, 1);
    const auto noise = [count = 0](const Shape& shape) mutable {
        return test::noise(shape, ++count);
    };
    const auto sampler = find_sampler(samplers(), "ddpm").make(s, {});
    CHECK(close(sampler->sample(model, x_T, noise),
                p_sample_loop(s, model, x_T, noise, {.clip_denoised = false}), 0.0) == "");
    CHECK_THROWS_WITH(sampler->sample(model, x_T), has_text("noise"));
}

TEST_CASE("settings of DDIM that make no sense are refused", "[ddim]") {
    CHECK_THROWS_WITH(DDIMSampler(stable_diffusion, {.S = 10, .eta = -1.0f}), has_text("'eta'"));
    CHECK_THROWS_WITH(DDIMSampler(stable_diffusion, {.S = 10, .eta = 3.0f}), has_text("'eta'"));
    CHECK_THROWS_WITH(
        DDIMSampler(stable_diffusion, {.S = 10, .eta = std::numeric_limits<float>::quiet_NaN()}),
        has_text("'eta'"));
    const DDIMSampler noisy(stable_diffusion, {.S = 10, .eta = 1.0f});
    CHECK_THROWS_WITH(
        noisy.sample([](const Tensor& x, const Tensor&) { return x; }, Tensor::zeros({1, 1, 2, 2})),
        has_text("noise"));
}

TEST_CASE("a network that always predicts the same noise leads to its picture", "[ddim]") {
    // With x_T made of x0 and noise, and a network that names that noise, every step is exact: the
    // end is x0 with the trace of noise of t = 0.
    const Tensor x0 = test::noise({2, 3, 4, 5}, 1), noise = test::noise({2, 3, 4, 5}, 2);
    for (auto p :
         {ddpm::Parameterization::eps, ddpm::Parameterization::x0, ddpm::Parameterization::v}) {
        const Schedule s({.linear_start = 0.00085, .linear_end = 0.012, .parameterization = p});
        const DDIMSampler sampler(s, {.S = 12});
        const auto first = ddpm::same_step(2, sampler.timesteps().back());
        const ddpm::Denoiser knows = [&](const Tensor&, const Tensor& t) {
            if (p == ddpm::Parameterization::x0) return x0;
            return p == ddpm::Parameterization::v ? get_v(s, x0, t, noise) : noise;
        };
        const Tensor end = sampler.sample(knows, q_sample(s, x0, first, noise));
        CHECK(close(end, q_sample(s, x0, ddpm::same_step(2, 0), noise), 1e-4) == "");
    }
}

TEST_CASE("more DDIM steps come closer to the distribution that the network knows", "[ddim]") {
    // For normal pictures each step multiplies x by a number; the product of all tends to
    // deviation c / 1, from noise to picture.
    const float c = 0.5f;
    const auto deviation = [&](int S) {
        return DDIMSampler(stable_diffusion, {.S = S})
            .sample(best_for_normal_pictures(stable_diffusion, c), Tensor::full({1, 1, 1, 1}, 1.0f))
            .item();
    };
    const double error_10 = std::abs(deviation(10) - c), error_40 = std::abs(deviation(40) - c);
    CHECK(error_40 < 0.4 * error_10);
    CHECK(deviation(250) == Approx(c).epsilon(0.01));
}

TEST_CASE("with eta 1 and all steps, DDIM is the ancestral sampler", "[ddim]") {
    const Schedule s({.timesteps = 40, .linear_end = 0.2});
    const auto model = best_for_normal_pictures(s, 0.7f);
    const Tensor x_T = test::noise({1, 2, 3, 3}, 1);
    const auto noise_of_step = [&](int t) { return test::noise(x_T.shape(), 10 + t); };

    int next = 39;
    const DDIMSampler sampler(s, {.S = 40, .eta = 1.0f, .ddim_discretize = "uniform"});
    CHECK(sampler.timesteps().size() == 39);
    const Tensor ddim =
        sampler.sample(model, x_T, [&](const Shape&) { return noise_of_step(next--); });

    // down to t = 1, where DDIM ends
    Tensor ancestral = x_T;
    for (int t = 39; t >= 1; --t)
        ancestral = p_sample(s, model, ancestral, t, noise_of_step(t), {.clip_denoised = false}).x;
    CHECK(close(ddim, ancestral, 2e-4) == "");
}

TEST_CASE("a sampler shows its steps, stops when asked and can begin further down", "[ddim]") {
    const DDIMSampler sampler(stable_diffusion, {.S = 10});
    const auto model = best_for_normal_pictures(stable_diffusion, 0.5f);
    const Tensor x_T = test::noise({1, 1, 2, 2}, 1);
    std::vector<Tensor> seen;
    const Tensor end = sampler.sample(model, x_T, {}, [&](const ddpm::SamplerStep& step) {
        CHECK(step.index == 9 - static_cast<int>(seen.size()));
        CHECK(step.count == 10);
        CHECK(step.t == sampler.timesteps()[step.index]);
        seen.push_back(step.x);
        return true;
    });
    REQUIRE(seen.size() == 10);
    CHECK(close(end, seen[9], 0.0) == "");
    CHECK(close(sampler.sample(model, seen[5], {}, {}, {}, 6), end, 0.0) == "");
    CHECK(close(sampler.sample(model, x_T, {},
                               [&](const ddpm::SamplerStep& s) { return s.index > 6; }),
                seen[3], 0.0) == "");
    CHECK_THROWS_AS(sampler.sample(model, x_T, {}, {}, {}, 11), Error);
}

TEST_CASE("what is known comes back from DDIM", "[ddim]") {
    const Tensor x0 = test::noise({1, 2, 2, 2}, 3);
    const Tensor all = Tensor::full({1, 1, 2, 2}, 1.0f);
    // a network that predicts the noise of the blend in all of x
    Tensor last;
    const auto noise = [&](const Shape& shape) { return last = test::noise(shape, 7); };
    const DDIMSampler sampler(stable_diffusion, {.S = 5});
    const Tensor end = sampler.sample([&](const Tensor&, const Tensor&) { return last; },
                                      test::noise({1, 2, 2, 2}, 1), noise, {}, {x0, all});
    CHECK(close(end, q_sample(stable_diffusion, x0, ddpm::same_step(1, 0), last), 1e-4) == "");
}

TEST_CASE("guidance makes both predictions in one batch and exaggerates the difference",
          "[guidance]") {
    const Tensor cond_context = test::noise({2, 3, 4}, 1),
                 uncond_context = test::noise({2, 3, 4}, 2), x = test::noise({2, 1, 2, 2}, 3);
    const unet::Conditioning cond{.crossattn = {cond_context}},
        uncond{.crossattn = {uncond_context}};
    const Tensor t = ddpm::same_step(2, 500);
    const ddpm::TinyNetwork network({{"a", 0.5}, {"b", 0.2}, {"c", 3.0}});
    int calls = 0;
    const ConditionedModel counted = [&](const Tensor& x, const Tensor& t,
                                         const unet::Conditioning& given) {
        ++calls;
        return network(x, t, given.crossattn.at(0));
    };
    const Tensor with = network(x, t, cond_context), without = network(x, t, uncond_context);
    CHECK(close(with_guidance(counted, cond, uncond, 7.5f)(x, t), without + 7.5f * (with - without),
                1e-5) == "");
    CHECK(calls == 1);
    CHECK(close(with_guidance(counted, cond, uncond, 0.0f)(x, t), without, 1e-6) == "");
    CHECK(close(with_guidance(counted, cond, uncond, 1.0f)(x, t), with, 0.0) == "");
    CHECK(close(with_guidance(counted, cond, {}, 7.5f)(x, t), with, 0.0) == "");
    const unet::Conditioning narrower{.crossattn = {test::noise({2, 3, 3}, 2)}},
        other_kind{.concat = {test::noise({2, 1, 2, 2}, 2)}};
    CHECK_THROWS_AS(with_guidance(counted, cond, narrower, 7.5f), Error);
    CHECK_THROWS_WITH(with_guidance(counted, cond, other_kind, 7.5f), has_text("same kinds"));
}

TEST_CASE("bytes are cut, clamped and never undefined", "[to_uint8]") {
    const float infinity = std::numeric_limits<float>::infinity(),
                nan = std::numeric_limits<float>::quiet_NaN();
    const Tensor x = Tensor::from(
        {1, 3, 1, 3}, {-1.0f, 0.0f, 1.0f, -9.0f, 0.999f, 9.0f, -infinity, nan, infinity});
    const std::vector<std::int32_t> expected = {0, 0, 0, 127, 254, 0, 255, 255, 255};
    for (const Tensor& bytes :
         {to_uint8(x), custom_to_np(x), custom_to_pil(x).reshape({1, 1, 3, 3})}) {
        CHECK(bytes.shape() == Shape{1, 1, 3, 3});
        CHECK(std::vector<std::int32_t>(bytes.ints(), bytes.ints() + 9) == expected);
    }
}
