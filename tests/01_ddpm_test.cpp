#include <array>
#include <cmath>
#include <numeric>

#include "chapters/01_ddpm/betas.h"
#include "chapters/01_ddpm/ema.h"
#include "chapters/01_ddpm/ideal_denoiser.h"
#include "chapters/01_ddpm/learning_rate.h"
#include "chapters/01_ddpm/losses.h"
#include "chapters/01_ddpm/time_embedding.h"
#include "chapters/01_ddpm/verify.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::ddpm;
using test::close;
using test::has_text;

namespace {

// Ho et al. (2020)
const Schedule original({.beta_schedule = "sqrt_linear"});
const Schedule stable_diffusion({.linear_start = 0.00085, .linear_end = 0.012});

Schedule predicting(Parameterization p, int timesteps = 1000) {
    return Schedule(
        {.beta_schedule = "sqrt_linear", .timesteps = timesteps, .parameterization = p});
}

constexpr std::array every_parameterization = {Parameterization::eps, Parameterization::x0,
                                               Parameterization::v};

Tensor steps(std::initializer_list<std::int32_t> t) {
    return Tensor::ints({static_cast<std::int64_t>(t.size())}, std::vector<std::int32_t>(t));
}

/// Noise that is the same every time: the sampler's k-th call gets noise k.
Noise numbered_noise() {
    return [k = 100](const Shape& shape) mutable { return test::noise(shape, k++); };
}

}  // namespace

TEST_CASE("every stored case of chapter 01 passes", "[ddpm]") {
    verify::Registry registry;
    register_components(registry);
    test::check_cases("01_ddpm", registry);
}

TEST_CASE("the kinds of schedules are the curves they are named for", "[ddpm]") {
    const auto line = make_beta_schedule("sqrt_linear", 5, 0.1, 0.5);
    const auto squared = make_beta_schedule("linear", 5, 0.01, 0.25);
    const auto rooted = make_beta_schedule("sqrt", 5, 0.01, 0.25);
    for (int i = 0; i < 5; ++i) {
        CHECK(line[i] == Approx(0.1 * (i + 1)));
        CHECK(squared[i] == Approx(0.01 * (i + 1) * (i + 1)));
        CHECK(rooted[i] == Approx(std::sqrt(0.01 + 0.06 * i)));
    }
    // the cosine schedule undoes its own curve, until betas are cut to 0.999 at the very end
    const auto ac = cumulative_alphas(make_beta_schedule("cosine", 50));
    for (int i = 0; i < 49; ++i)
        CHECK(ac[i] ==
              Approx(cosine_alpha_bar((i + 1) / 50.0, 0.008) / cosine_alpha_bar(0.0, 0.008)));
    CHECK(make_beta_schedule("cosine", 50).back() == 0.999);
    CHECK(make_beta_schedule("linear", 1, 0.01, 0.25).at(0) == Approx(0.01));
}

TEST_CASE("betas that are given are those of the schedule", "[ddpm]") {
    const std::vector<double> betas = make_beta_schedule("cosine", 7);
    const Schedule given(
        Schedule::from_model_config({{"timesteps", 7}, {"given_betas", betas}, {"other", 1}})),
        same({.beta_schedule = "cosine", .timesteps = 7});
    for (const auto table : {&Schedule::betas, &Schedule::alphas_cumprod,
                             &Schedule::posterior_variance, &Schedule::lvlb_weights})
        for (int t = 0; t < 7; ++t) CHECK((given.*table).data()[t] == (same.*table).data()[t]);
}

TEST_CASE("a schedule that makes no sense is refused by name", "[ddpm]") {
    CHECK_THROWS_WITH(Schedule({.timesteps = 3, .given_betas = {0.1, 0.2}}),
                      has_text("2 'given_betas' for 3 'timesteps'"));
    for (const double beta : {1.0, -0.1, std::nan("")})
        CHECK_THROWS_WITH(Schedule({.timesteps = 2, .given_betas = {0.1, beta}}),
                          has_text("'given_betas': a beta of"));
    CHECK_THROWS_WITH(Schedule({.beta_schedule = "quadratic"}),
                      has_text("'beta_schedule' is 'quadratic'"));
    CHECK_THROWS_WITH(Schedule({.timesteps = 0}), has_text("'timesteps'"));
    CHECK_THROWS_WITH(Schedule::from_json({{"timesteps", 1'000'000'000}}),
                      "'timesteps' must be from 1 to 1000000, got 1000000000");
    CHECK_THROWS_WITH(Schedule({.linear_end = 1.5}), has_text("expected [0, 1)"));
    CHECK_THROWS_WITH(Schedule({.linear_start = -0.1}), has_text("expected [0, 1)"));
    CHECK_THROWS_WITH(Schedule({.v_posterior = 2.0}), has_text("'v_posterior'"));
    CHECK_THROWS_WITH(Schedule::from_json({{"parameterization", "mean"}}), has_text("'mean'"));
    CHECK_THROWS_WITH(Schedule::from_json({{"steps", 3}}), has_text("steps"));
    CHECK_THROWS_WITH(at(original.betas, steps({3, 1000})), has_text("time step 1000"));
    CHECK_THROWS_WITH(at(original.betas, steps({-1})), has_text("time step -1"));
}

TEST_CASE("one jump of the forward process is many single steps", "[ddpm]") {
    // x_t = sqrt(1 - beta) x_{t-1} + sqrt(beta) noise: how much picture, and how much variance?
    double picture = 1.0, variance = 0.0;
    for (int t = 0; t < 1000; ++t) {
        const double beta = stable_diffusion.betas.data()[t];
        picture *= std::sqrt(1.0 - beta);
        variance = (1.0 - beta) * variance + beta;
        CHECK(stable_diffusion.sqrt_alphas_cumprod.data()[t] == Approx(picture).epsilon(1e-4));
        CHECK(std::pow(stable_diffusion.sqrt_one_minus_alphas_cumprod.data()[t], 2) ==
              Approx(variance).epsilon(1e-4));
    }
    const Tensor x0 = test::noise({2, 3, 4, 5}, 1), noise = test::noise({2, 3, 4, 5}, 2);
    const Tensor x_t = q_sample(original, x0, steps({0, 999}), noise);
    const Gaussian q = q_mean_variance(original, x0, steps({0, 999}));
    CHECK(close(x_t, q.mean + ops::sqrt(q.variance) * noise, 1e-5) == "");
    CHECK(close(ops::exp(q.log_variance), q.variance, 1e-6) == "");
    CHECK_THROWS_AS(q_sample(original, x0, steps({0, 999}), test::noise({2, 3, 4, 4}, 2)), Error);
}

TEST_CASE("the end is noise when the schedule says so", "[ddpm]") {
    const Tensor x0 = Tensor::full({1, 3, 8, 8}, 0.8f);
    const double ac = stable_diffusion.alphas_cumprod.data()[999];
    const double expected =
        0.5 * (ac * 0.64 + (1.0 - ac) - 1.0 - std::log(1.0 - ac)) / std::log(2.0);
    CHECK(prior_bpd(stable_diffusion, x0).item() == Approx(expected).epsilon(1e-3));
    CHECK(prior_bpd(original, x0).item() < 1e-4f);
}

TEST_CASE("the posterior is what Bayes makes of one step and the picture", "[ddpm]") {
    const Tensor x0 = test::noise({1, 1, 2, 3}, 1), x_t = test::noise({1, 1, 2, 3}, 2);
    for (int t : {1, 2, 50, 400, 999}) {
        // q(x_{t-1} | x0) times q(x_t | x_{t-1}): precisions add, means are weighed by them
        const double beta = original.betas.data()[t],
                     before = original.alphas_cumprod_prev.data()[t];
        const double variance = 1.0 / (1.0 / (1.0 - before) + (1.0 - beta) / beta);
        const Tensor mean = static_cast<float>(variance * std::sqrt(before) / (1.0 - before)) * x0 +
                            static_cast<float>(variance * std::sqrt(1.0 - beta) / beta) * x_t;
        const Gaussian posterior = q_posterior(original, x0, x_t, steps({t}));
        CHECK(close(posterior.mean, mean, 1e-3) == "");
        CHECK(posterior.variance.item() == Approx(variance).epsilon(1e-3));
    }
    CHECK(close(q_posterior(original, x0, x_t, steps({0})).mean, x0, 1e-6) == "");
}

TEST_CASE("noise, picture and v say the same thing", "[ddpm]") {
    const Tensor x0 = test::noise({3, 2, 4, 3}, 1), eps = test::noise({3, 2, 4, 3}, 2),
                 t = steps({3, 400, 900});
    const Tensor x_t = q_sample(original, x0, t, eps), v = get_v(original, x0, t, eps);
    CHECK(close(predict_start_from_noise(original, x_t, t, eps), x0, 1e-4) == "");
    CHECK(close(predict_eps_from_xstart(original, x_t, t, x0), eps, 1e-4) == "");
    CHECK(close(predict_start_from_v(original, x_t, t, v), x0, 1e-5) == "");
    CHECK(close(predict_eps_from_v(original, x_t, t, v), eps, 1e-5) == "");
    CHECK(close(ops::square(x_t) + ops::square(v), ops::square(x0) + ops::square(eps), 1e-4) == "");

    for (Parameterization p : every_parameterization) {
        const Schedule s = predicting(p);
        const Tensor said = training_target(s, x0, t, eps);
        CHECK(close(predicted_x0(s, x_t, t, said), x0, 1e-4) == "");
        CHECK(close(predicted_eps(s, x_t, t, said), eps, 1e-4) == "");
    }
}

TEST_CASE("the reverse process is the same in every parameterization", "[ddpm]") {
    const Tensor pictures = ops::clamp(test::noise({4, 1, 3, 3}, 5), -1.0f, 1.0f);
    const Tensor x_T = test::noise({2, 1, 3, 3}, 6);
    std::vector<Tensor> ends;
    for (Parameterization p : every_parameterization) {
        const Schedule s = predicting(p, 200);
        ends.push_back(p_sample_loop(s, IdealDenoiser(s, pictures), x_T, numbered_noise()));
    }
    CHECK(close(ends[1], ends[0], 1e-3) == "");
    CHECK(close(ends[2], ends[0], 1e-3) == "");
}

TEST_CASE("ancestral steps sample the distribution that the denoiser is exact for", "[ddpm]") {
    // When all pictures are normal numbers of deviation c, the best noise prediction is known in
    // closed form, and each step is linear: it multiplies x and adds noise. Following the variance
    // through all steps leads from 1 to c^2: a little below with the posterior's own variance, a
    // little above with beta, which are its bounds (Ho et al., 2020, section 3.2).
    const float c = 0.5f;
    const auto variance_at_the_end = [&](double v_posterior) {
        const Schedule s({.beta_schedule = "sqrt_linear", .v_posterior = v_posterior});
        const Denoiser best = [&](const Tensor& x, const Tensor& t) {
            const Tensor ac = at(s.alphas_cumprod, t);
            return at(s.sqrt_one_minus_alphas_cumprod, t) * x / (c * c * ac - ac + 1.0f);
        };
        const Tensor one = Tensor::full({1, 1, 1, 1}, 1.0f), zero = Tensor::zeros({1, 1, 1, 1});
        double variance = 1.0;
        for (int t = 999; t >= 0; --t) {
            const double gain = p_sample(s, best, one, t, zero, {.clip_denoised = false}).x.item();
            const double added = p_sample(s, best, zero, t, one, {.clip_denoised = false}).x.item();
            variance = gain * gain * variance + added * added;
        }
        return variance;
    };
    const double low = variance_at_the_end(0.0), high = variance_at_the_end(1.0);
    CHECK((0.97 * c * c < low && low < c * c));
    CHECK((c * c < high && high < 1.03 * c * c));
}

TEST_CASE("a sampler clips, scales its noise, shows its steps and stops when asked", "[ddpm]") {
    const Schedule s({.timesteps = 20, .linear_end = 0.3});
    const Tensor x_T = test::noise({1, 1, 2, 2}, 1);
    const Denoiser wild = [](const Tensor& x, const Tensor&) { return -10.0f * x; };
    CHECK(close(p_sample(s, wild, x_T, 5, x_T).pred_x0, ops::clamp(1e9f * x_T, -1.0f, 1.0f), 0.0) ==
          "");

    std::vector<int> seen;
    const Observer first_three = [&](const SamplerStep& step) {
        CHECK(step.count == 20);
        seen.push_back(step.t);
        return seen.size() < 3;
    };
    p_sample_loop(s, wild, x_T, numbered_noise(), {}, first_three);
    CHECK(seen == std::vector{19, 18, 17});

    const auto cold = [&](float temperature) {
        return p_sample(s, wild, x_T, 5, x_T, {.temperature = temperature}).x;
    };
    CHECK(close(cold(0.5f) - cold(0.0f), 0.5f * (cold(1.0f) - cold(0.0f)), 1e-6) == "");
}

TEST_CASE("what is known stays known", "[ddpm]") {
    const Schedule s({.timesteps = 30, .linear_end = 0.3});
    const Tensor x0 = ops::clamp(test::noise({1, 2, 2, 2}, 3), -1.0f, 1.0f);
    Tensor left = Tensor::zeros({1, 1, 2, 2});
    left.data()[0] = left.data()[2] = 1.0f;
    const Denoiser nothing = [](const Tensor& x, const Tensor&) { return 0.0f * x; };
    const Tensor end = p_sample_loop(s, nothing, test::noise({1, 2, 2, 2}, 1), numbered_noise(), {},
                                     {}, {x0, left});
    // t = 0 is one step of noise, of deviation 0.01
    CHECK(close(left * end, left * x0, 0.05) == "");
    CHECK(close(end, x0, 0.05) != "");
}

TEST_CASE("the ideal denoiser predicts the posterior mean", "[ddpm]") {
    const Tensor pictures = ops::clamp(test::noise({5, 3, 4, 4}, 1), -1.0f, 1.0f);
    const IdealDenoiser denoiser(original, pictures);
    const Tensor x_t =
        q_sample(original, pictures, steps({10, 10, 10, 10, 10}), test::noise({5, 3, 4, 4}, 2));
    CHECK(close(denoiser.mean_picture(x_t, steps({10, 10, 10, 10, 10})), pictures, 1e-4) == "");

    // at the end of the process all pictures are equally likely: the mean of all
    const Tensor blur = denoiser.mean_picture(test::noise({1, 3, 4, 4}, 3), steps({999}));
    CHECK(close(blur, ops::mean(pictures, {0}, ops::Axes::keep), 0.1) == "");

    // the definition, in double
    const Tensor x = 0.3f * test::noise({1, 3, 4, 4}, 4),
                 weights = denoiser.weights(x, steps({300}));
    const double ac = original.alphas_cumprod.data()[300];
    std::vector<double> likely;
    for (int k = 0; k < 5; ++k) {
        double distance = 0.0;
        for (int i = 0; i < 48; ++i)
            distance += std::pow(x.data()[i] - std::sqrt(ac) * pictures.data()[48 * k + i], 2);
        likely.push_back(std::exp(-distance / (2.0 * (1.0 - ac))));
    }
    const double sum = std::accumulate(likely.begin(), likely.end(), 0.0);
    for (int k = 0; k < 5; ++k) CHECK(weights.data()[k] == Approx(likely[k] / sum).margin(1e-5));
}

TEST_CASE("a perfect prediction costs nothing", "[ddpm]") {
    const Tensor x0 = test::noise({2, 1, 3, 4}, 1), noise = test::noise({2, 1, 3, 4}, 2),
                 t = steps({7, 600});
    for (Parameterization p : every_parameterization) {
        const Schedule s = predicting(p);
        const Tensor target = training_target(s, x0, t, noise);
        const auto losses = p_losses(
            s, {.logvar_init = 0.25f}, [&](auto&, auto&) { return target; }, x0, t, noise);
        CHECK(losses.loss_simple.item() == 0.0f);
        CHECK(losses.loss_vlb.item() == 0.0f);
        // the price of claiming uncertainty
        CHECK(losses.loss.item() == 0.25f);

        // one wrong by 2 everywhere
        const Denoiser off = [&](auto&, auto&) { return target + 2.0f; };
        CHECK(p_losses(s, {.loss_type = LossType::l1}, off, x0, t, noise).loss.item() ==
              Approx(2.0));
        CHECK(p_losses(s, {.loss_type = LossType::l2}, off, x0, t, noise).loss.item() ==
              Approx(4.0));
        const double weight = (s.lvlb_weights.data()[7] + s.lvlb_weights.data()[600]) / 2.0;
        CHECK(p_losses(s, {}, off, x0, t, noise).loss_vlb.item() == Approx(4.0 * weight));
    }
    CHECK_THROWS_WITH(loss_config_from_json({{"loss_type", "huber"}}), has_text("'huber'"));
}

TEST_CASE("the weights of the variational bound", "[ddpm]") {
    // the divergence of two normal distributions whose means differ by the error in eps
    for (int t : {1, 30, 999}) {
        const double beta = original.betas.data()[t], ac = original.alphas_cumprod.data()[t];
        const double expected =
            beta * beta / (2.0 * original.posterior_variance.data()[t] * (1.0 - beta) * (1.0 - ac));
        CHECK(original.lvlb_weights.data()[t] == Approx(expected).epsilon(1e-3));
    }
    CHECK(original.lvlb_weights.data()[0] == original.lvlb_weights.data()[1]);
}

TEST_CASE("gradients of the loss reach the network, logvar and the picture", "[ddpm]") {
    const Tensor noise = test::noise({2, 1, 2, 3}, 2), t = steps({3, 12});
    for (Parameterization p : every_parameterization)
        for (LossType type : {LossType::l1, LossType::l2}) {
            const Schedule s({.timesteps = 16, .linear_end = 0.3, .parameterization = p});
            const LossConfig config{
                .loss_type = type, .l_simple_weight = 0.7f, .original_elbo_weight = 0.1f};
            const auto loss = [&](const std::vector<Tensor>& in) {
                const Denoiser network = [&](const Tensor& x, const Tensor&) {
                    return ops::linear(x, in[0]);
                };
                return p_losses(s, config, network, in[2], t, noise, in[1]).loss;
            };
            CHECK(test::gradients_agree(loss, {test::noise({3, 3}, 4), test::noise({16}, 5, 0.3f),
                                               test::noise({2, 1, 2, 3}, 6)}) == "");
        }
}

TEST_CASE("a time embedding tells times apart by their difference", "[ddpm]") {
    // cos a cos b + sin a sin b = cos(a - b): the product of two rows depends on t - s only
    const Tensor y = timestep_embedding(Tensor::from({4}, {0.0f, 7.5f, 20.0f, 27.5f}), 64);
    const Tensor products = ops::matmul(y, y, ops::Transpose::b);
    CHECK(products.data()[1] == Approx(products.data()[2 * 4 + 3]).epsilon(1e-4));
    for (int i = 0; i < 4; ++i) CHECK(products.data()[i * 4 + i] == Approx(32.0));

    for (int i = 0; i < 32; ++i) {
        CHECK(y.data()[64 + i] ==
              Approx(std::cos(7.5 * std::pow(10000.0, -i / 32.0))).margin(1e-5));
        CHECK(y.data()[64 + 32 + i] ==
              Approx(std::sin(7.5 * std::pow(10000.0, -i / 32.0))).margin(1e-5));
    }
    const Tensor older = get_timestep_embedding(Tensor::from({1}, {7.5f}), 64);
    for (int i = 0; i < 32; ++i) {
        CHECK(older.data()[i] == Approx(std::sin(7.5 * std::pow(10000.0, -i / 31.0))).margin(1e-5));
        CHECK(older.data()[32 + i] ==
              Approx(std::cos(7.5 * std::pow(10000.0, -i / 31.0))).margin(1e-5));
    }
    CHECK(timestep_embedding(steps({5}), 7).data()[6] == 0.0f);
    CHECK(close(timestep_embedding(steps({5}), 8), timestep_embedding(Tensor::from({1}, {5.0f}), 8),
                0.0) == "");
    CHECK_THROWS_AS(timestep_embedding(Tensor::zeros({2, 2}), 8), Error);
    CHECK_THROWS_AS(timestep_embedding(steps({5}), 0), Error);
    CHECK_THROWS_AS(get_timestep_embedding(steps({5}), 3), Error);
}

TEST_CASE("an average of weights follows them, first fast, then slowly", "[ddpm]") {
    Weights weights{{"layer.weight", Tensor::full({2}, 0.0f)}};
    LitEma ema(weights, 0.5f);
    weights.at("layer.weight").data()[0] = weights.at("layer.weight").data()[1] = 1.0f;
    // a copy, not the same numbers
    CHECK(ema.shadow().at("layer.weight").data()[0] == 0.0f);

    // how far the shadow still is behind
    double left = 1.0;
    for (int n = 1; n <= 12; ++n) {
        ema.update(weights);
        left *= std::min(0.5, (1.0 + n) / (10.0 + n));
        CHECK(ema.shadow().at("layer.weight").data()[1] == Approx(1.0 - left));
        CHECK(ema.num_updates() == n);
    }
    weights.at("layer.weight").data()[0] = 7.0f;
    ema.store(weights);
    ema.copy_to(weights);
    CHECK(weights.at("layer.weight").data()[0] == Approx(1.0 - left));
    ema.restore(weights);
    CHECK(weights.at("layer.weight").data()[0] == 7.0f);

    CHECK(LitEma::buffer_name("diffusion_model.input_blocks.0.0.weight") ==
          "diffusion_modelinput_blocks00weight");
    CHECK_THROWS_WITH(ema.update({}), has_text("'layer.weight'"));
    CHECK_THROWS_AS(ema.update({{"layer.weight", Tensor::zeros({3})}}), Error);
    CHECK_THROWS_AS(LitEma(weights, 1.5f), Error);
}

TEST_CASE("a learning rate warms up, goes down and starts again", "[ddpm]") {
    const WarmUpCosine once{
        .warm_up_steps = 10, .max_decay_steps = 110, .lr_min = 0.1, .lr_max = 1.0, .lr_start = 0.0};
    CHECK(once(0) == 0.0);
    CHECK(once(5) == Approx(0.5));
    CHECK(once(10) == Approx(1.0));
    CHECK(once(60) == Approx(0.55));
    CHECK(once(110) == Approx(0.1));
    CHECK(once(100000) == Approx(0.1));

    const io::Json args = {{"warm_up_steps", {2, 1}},
                           {"f_min", {0.2, 0.1}},
                           {"f_max", {1.0, 0.5}},
                           {"f_start", {0.0, 0.3}},
                           {"cycle_lengths", {10, 5}}};
    const auto line = learning_rate_from_json("LambdaLinearScheduler", args);
    CHECK(line(1) == Approx(0.5));
    CHECK(line(5) == Approx(0.6));
    // the end belongs to its cycle
    CHECK(line(10) == Approx(0.2));
    CHECK(line(11) == Approx(0.1 + 0.4 * 4 / 5));
    CHECK(line(15) == Approx(0.1));
    CHECK_THROWS_WITH(line(16), has_text("step 16"));
    const auto cosine = learning_rate_from_json("LambdaWarmUpCosineScheduler2", args);
    CHECK(cosine(6) == Approx(0.6));
    CHECK(cosine(13) == Approx(0.3));

    CHECK_THROWS_WITH(learning_rate_from_json("CosineAnnealingLR", args),
                      has_text("'CosineAnnealingLR'"));
    io::Json uneven = args;
    uneven["f_min"] = {0.2};
    CHECK_THROWS_WITH(learning_rate_from_json("LambdaLinearScheduler", uneven),
                      has_text("one number for each cycle"));
}
