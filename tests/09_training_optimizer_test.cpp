#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/03_clip/clip_model.h"
#include "chapters/07_unet/unet_model.h"
#include "chapters/09_training/optimizer/adam.h"
#include "chapters/09_training/optimizer/gradients.h"
#include "chapters/09_training/optimizer/initial_weights.h"
#include "chapters/09_training/optimizer/muon.h"
#include "chapters/09_training/verify_training.h"
#include "common/nn/layers.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/precision.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::train;
using test::close;
using test::noise;

namespace {

/// Tensors of several ranks, one of them worth several threads.
Weights some_weights() {
    return {{"big", noise({3, 40'001}, 1)},
            {"conv", noise({4, 3, 3, 3}, 2)},
            {"norm", noise({4}, 3)},
            {"scalar", noise({}, 4)}};
}

Weights some_gradients(const Weights& weights, int seed, float scale = 1.0f) {
    Weights gradients;
    for (const auto& [name, w] : weights) gradients[name] = noise(w.shape(), seed++, scale);
    return gradients;
}

bool same_bits(const Weights& a, const Weights& b) {
    return a.size() == b.size() && std::ranges::equal(a, b, [](const auto& x, const auto& y) {
               return x.first == y.first && x.second.shape() == y.second.shape() &&
                      std::ranges::equal(x.second.values(), y.second.values());
           });
}

io::Json read_reference(const std::string& name) {
    return io::read_json(LDM_SOURCE_DIR "/reference_data/09_training/" + name);
}

}  // namespace

TEST_CASE("every stored case of the optimizers") {
    verify::Registry registry;
    register_training(registry);
    for (const char* name :
         {"Adam", "AdamW", "Muon", "ClipGradNorm", "LoRA", "TrainLatentDiffusion"})
        CHECK(registry.contains(name));
    test::check_cases("09_training", registry);
}

// ---- Adam

TEST_CASE("Adam is its equation, number by number") {
    const double lr = 0.01, beta1 = 0.8, beta2 = 0.95, eps = 1e-6, decay = 0.3;
    for (const bool decoupled : {false, true}) {
        Tensor w = noise({50'000}, 1);
        const Tensor before = Tensor::from(w.shape(), w.values()), g1 = noise({50'000}, 2),
                     g2 = noise({50'000}, 3);
        Adam adam({{"w", w}}, {beta1, beta2, eps, decay, decoupled});
        adam.step({{"w", g1}}, lr);
        adam.step({{"w", g2}}, lr / 2);

        Tensor expected(w.shape());
        for (std::int64_t i = 0; i < w.size(); ++i) {
            double x = before.data()[i], m = 0, v = 0;
            for (int t = 1; t <= 2; ++t) {
                const double rate = t == 1 ? lr : lr / 2;
                double g = (t == 1 ? g1 : g2).data()[i];
                if (!decoupled) g += decay * x;
                if (decoupled) x *= 1 - rate * decay;
                m = beta1 * m + (1 - beta1) * g;
                v = beta2 * v + (1 - beta2) * g * g;
                x -= rate * (m / (1 - std::pow(beta1, t))) /
                     (std::sqrt(v / (1 - std::pow(beta2, t))) + eps);
            }
            expected.data()[i] = static_cast<float>(x);
        }
        CHECK(close(w, expected, 2e-6) == "");
    }
}

TEST_CASE("the first step of Adam has the length of the learning rate, whatever the gradient") {
    Tensor w = Tensor::zeros({4});
    Adam adam({{"w", w}}, Adam::Config::adam());
    adam.step({{"w", Tensor::from({4}, {1e-3f, 5, -1e4f, 0})}}, 0.1);
    CHECK(close(w, Tensor::from({4}, {-0.1f, -0.1f, 0.1f, 0}), 2e-6) == "");
}

TEST_CASE("decay without a gradient: AdamW shrinks, Adam takes a step of full length") {
    Tensor shrunk = Tensor::from({2}, {4, -0.5f}), stepped = Tensor::from({2}, {4, -0.5f});
    const Weights silence{{"w", Tensor::zeros({2})}};
    Adam({{"w", shrunk}}, Adam::Config::adam_w({{"weight_decay", 0.1}})).step(silence, 0.5);
    Adam({{"w", stepped}}, Adam::Config::adam({{"weight_decay", 0.1}})).step(silence, 0.5);
    CHECK(close(shrunk, Tensor::from({2}, {4 * 0.95f, -0.5f * 0.95f}), 1e-6) == "");
    CHECK(close(stepped, Tensor::from({2}, {3.5f, 0.0f}), 1e-5) == "");
}

TEST_CASE("PyTorch's defaults, and settings that make no sense") {
    CHECK(Adam::Config::adam().weight_decay == 0.0);
    CHECK(Adam::Config::adam_w().weight_decay == 0.01);
    CHECK(Adam::Config::adam_w().decoupled_weight_decay);
    CHECK_FALSE(Adam::Config::adam().decoupled_weight_decay);
    CHECK(Adam::Config::adam({{"betas", {0.5, 0.9}}}).beta2 == 0.9);
    CHECK_THROWS_WITH(Adam::Config::adam({{"betas", {0.5}}}), test::has_text("'betas'"));
    CHECK_THROWS_WITH(Adam::Config::adam({{"amsgrad", true}}), test::has_text("'amsgrad'"));
    CHECK_THROWS_WITH(Adam({}, {.beta1 = 1.0}), test::has_text("'betas'"));
    CHECK_THROWS_WITH(Adam({}, {.eps = -1.0}), test::has_text("'eps'"));
    CHECK_THROWS_WITH(Adam({}, {.weight_decay = std::nan("")}), test::has_text("'weight_decay'"));
}

TEST_CASE("a gradient that is missing or of another shape is named") {
    const auto none = [](const std::string&) { return false; };
    const Weights weights{{"block.weight", noise({2, 3}, 1)}};
    Adam adam(weights, {});
    Muon muon(weights, none, {});
    for (Optimizer* optimizer : {static_cast<Optimizer*>(&adam), static_cast<Optimizer*>(&muon)}) {
        CHECK_THROWS_WITH(optimizer->step({{"other", noise({2, 3}, 2)}}, 0.1),
                          test::has_text("'block.weight'"));
        CHECK_THROWS_WITH(optimizer->step({{"block.weight", noise({3, 2}, 2)}}, 0.1),
                          test::has_text("[2, 3]"));
    }
}

// ---- Muon

TEST_CASE("orthogonalized: every singular value goes through the polynomial, the directions stay") {
    // The singular values of a diagonal matrix are its entries; the sixth is too small to be
    // lifted.
    const std::vector<float> entries = {3, 1, -2, 0.5f, 0.2f, 1e-4f};
    double squares = 0;
    for (float x : entries) squares += x * x;
    Tensor matrix = Tensor::zeros({6, 8}), expected = Tensor::zeros({6, 8});
    for (int i = 0; i < 6; ++i) {
        matrix.data()[i * 8 + i] = entries[i];
        double s = entries[i] / std::sqrt(squares);
        for (int step = 0; step < 5; ++step)
            s = 3.4445 * s - 4.7750 * s * s * s + 2.0315 * std::pow(s, 5);
        expected.data()[i * 8 + i] = static_cast<float>(s);
        if (i < 5) CHECK((std::abs(s) > 0.6 && std::abs(s) < 1.3));
    }
    CHECK(close(orthogonalized(matrix), expected, 1e-5) == "");
}

TEST_CASE(
    "orthogonalized: its product with itself is near the identity, wide or tall, and it forgets "
    "the scale") {
    const Tensor wide = noise({6, 40}, 1);
    const Tensor y = orthogonalized(wide), gram = ops::matmul(y, y, ops::Transpose::b);
    for (int i = 0; i < 6; ++i)
        for (int j = 0; j < 6; ++j) {
            const float g = gram.data()[6 * i + j];
            CHECK((i == j ? g > 0.4f && g < 1.6f : std::abs(g) < 0.5f));
        }
    CHECK(close(orthogonalized(ops::permute(wide, {1, 0})), ops::permute(y, {1, 0}), 1e-4) == "");
    CHECK(close(orthogonalized(1000.0f * wide), y, 1e-4) == "");
    CHECK(orthogonalized(noise({6, 4, 3, 3}, 2)).shape() == Shape{6, 4, 3, 3});
    CHECK(close(orthogonalized(Tensor::zeros({3, 4})), Tensor::zeros({3, 4}), 0.0) == "");
}

TEST_CASE("orthogonalized: multiplies exactly even where all else is rounded") {
    const Tensor matrix = noise({40, 90}, 1), exact = orthogonalized(matrix);
    const ops::WithPrecision fast(ops::Precision::bf16);
    CHECK(close(orthogonalized(matrix), exact, 0.0) == "");
}

TEST_CASE("Muon moves matrices between layers, AdamW all else") {
    const Weights weights = some_weights();
    Weights alone = copy_of(weights), others = copy_of(weights);
    const auto inner = [](const std::string& name) { return name == "conv" || name == "norm"; };
    const Muon::Config config;
    Muon muon(others, inner, config);
    Adam adam(alone, config.adam);
    for (int step = 0; step < 3; ++step) {
        const Weights gradients = some_gradients(weights, 10 * step + 10);
        muon.step(gradients, 0.01), adam.step(gradients, 0.01);
    }
    for (const char* name : {"big", "norm", "scalar"})
        CHECK(close(others.at(name), alone.at(name), 0.0) == "");
    CHECK(close(others.at("conv"), alone.at("conv"), 1e-3) != "");

    // The first momentum is a twentieth of the gradient; its direction is all that counts.
    Weights fresh = copy_of(weights);
    const Weights gradients = some_gradients(weights, 77);
    Muon(fresh, inner, config).step(gradients, 0.01);
    // rows 4, columns 27
    const float distance = 0.2f * 0.01f * std::sqrt(27.0f);
    const Tensor expected =
        0.9999f * weights.at("conv") - distance * orthogonalized(gradients.at("conv"));
    CHECK(close(fresh.at("conv"), expected, 1e-5) == "");
}

// ---- what happens to all optimizers

TEST_CASE("an optimizer that was saved and read back goes on to the last bit") {
    const auto inner = [](const std::string& name) { return name == "conv"; };
    const auto make = [&](bool muon, const Weights& weights) -> std::unique_ptr<Optimizer> {
        if (muon) return std::make_unique<Muon>(weights, inner, Muon::Config{});
        return std::make_unique<Adam>(weights, Adam::Config::adam_w());
    };
    const test::TemporaryFolder folder;
    for (const bool muon : {false, true}) {
        Weights whole = some_weights(), halves = copy_of(whole);
        const auto straight = make(muon, whole);
        for (int step = 0; step < 6; ++step) straight->step(some_gradients(whole, 10 * step), 0.01);

        auto optimizer = make(muon, halves);
        for (int step = 0; step < 3; ++step)
            optimizer->step(some_gradients(whole, 10 * step), 0.01);
        auto entries = entries_of(halves, "weights/");
        const Weights state = optimizer->state();
        std::ranges::move(entries_of(state, "optimizer/"), std::back_inserter(entries));
        io::write_safetensors(folder / "state.safetensors", entries);

        Weights read = some_weights();
        optimizer = make(muon, read);
        const io::TensorFile file = io::open_safetensors(folder / "state.safetensors");
        Weights read_state = optimizer->state();
        read_weights(file, read, "weights/");
        read_weights(file, read_state, "optimizer/");
        for (int step = 3; step < 6; ++step)
            optimizer->step(some_gradients(whole, 10 * step), 0.01);
        CHECK(same_bits(read, whole));
        CHECK_FALSE(same_bits(read, halves));
    }
}

TEST_CASE("a step does not depend on the number of threads") {
    const auto inner = [](const std::string& name) { return name == "conv"; };
    const int threads = omp_get_max_threads();
    std::vector<Weights> results;
    std::vector<double> norms;
    for (const int count : {1, 3}) {
        omp_set_num_threads(count);
        results.push_back(some_weights());
        Muon muon(results.back(), inner, {});
        for (int step = 0; step < 3; ++step) {
            const Weights gradients = some_gradients(results.back(), step);
            norms.push_back(gradient_norm(gradients));
            muon.step(clipped(gradients, norms.back(), 1.0), 0.01);
        }
    }
    omp_set_num_threads(threads);
    CHECK(same_bits(results[0], results[1]));
    CHECK(std::equal(norms.begin(), norms.begin() + 3, norms.begin() + 3));
}

TEST_CASE("every optimizer minimizes a quadratic") {
    // W x should be A x: 200 steps of a matrix with one layer to learn
    const Tensor a = noise({6, 10}, 1, 0.3f), x = noise({32, 10}, 2);
    const auto train = [&](const auto& make) {
        Weights weights{{"w", Tensor::zeros({6, 10})}};
        const std::unique_ptr<Optimizer> optimizer = make(weights);
        float loss_now = 0;
        for (int step = 0; step < 200; ++step) {
            Tape tape;
            watch(tape, weights);
            const Tensor loss =
                ops::mean(ops::square(ops::linear(x, weights.at("w")) - ops::linear(x, a)));
            loss_now = loss.item();
            optimizer->step(gradients_of(tape.backward(loss, Tensor::scalar(1)), weights),
                            0.05 * (1 - step / 200.0));
        }
        return loss_now;
    };
    CHECK(train([](const Weights& w) { return std::make_unique<Adam>(w, Adam::Config::adam()); }) <
          1e-5f);
    CHECK(train([](const Weights& w) {
              return std::make_unique<Muon>(
                  w, [](const std::string&) { return true; }, Muon::Config{.weight_decay = 0});
          }) < 1e-5f);
}

// ---- gradients

TEST_CASE("clipping scales the norm and keeps the direction") {
    const Weights gradients = some_gradients(some_weights(), 5);
    double squares = 0;
    for (const auto& [name, g] : gradients)
        for (const float x : g.values()) squares += static_cast<double>(x) * x;
    const double norm = gradient_norm(gradients);
    CHECK(norm == Approx(std::sqrt(squares)).epsilon(1e-12));

    const Weights shorter = clipped(gradients, norm, 2.0);
    CHECK(gradient_norm(shorter) == Approx(2.0).epsilon(1e-5));
    for (const auto& [name, g] : gradients)
        CHECK(close(shorter.at(name), g * static_cast<float>(2.0 / (norm + 1e-6)), 1e-6) == "");
    CHECK(same_bits(clipped(gradients, norm, 2 * norm), gradients));
    CHECK_THROWS_AS(clipped(gradients, norm, 0.0), Error);
    CHECK(std::isnan(
        // nothing is hidden
        clipped({{"x", Tensor::scalar(NAN)}}, NAN, 1.0).at("x").item()));
}

TEST_CASE("clipping scales a gradient once that a tape returned under two names") {
    const Tensor a = noise({3}, 1), b = noise({3}, 2);
    const Weights weights{{"a", a}, {"b", b}};
    Tape tape;
    watch(tape, weights);
    const Tensor cotangent = Tensor::full({3}, 2.0f);
    const Weights gradients = gradients_of(tape.backward(a + b, cotangent), weights);
    const double norm = gradient_norm(gradients);
    CHECK(norm == Approx(std::sqrt(24.0)));
    CHECK(gradient_norm(clipped(gradients, norm, 1.0)) == Approx(1.0).epsilon(1e-5));
    CHECK(close(cotangent, Tensor::full({3}, 2.0f), 0.0) == "");
}

TEST_CASE("gradients of two batches add up to that of their mean") {
    const Tensor w = noise({4, 6}, 1), x = noise({8, 6}, 2);
    const Weights weights{{"w", w}};
    const auto gradients = [&](const Tensor& batch) {
        Tape tape;
        watch(tape, weights);
        const Tensor loss = ops::mean(ops::square(ops::linear(batch, w)));
        return gradients_of(tape.backward(loss, Tensor::scalar(1)), weights);
    };
    Weights sum;
    const Weights first = gradients(ops::slice(x, 0, 0, 4)),
                  second = gradients(ops::slice(x, 0, 4, 8));
    const Tensor kept = copy_of(first).at("w");
    accumulate(sum, first, 0.5);
    accumulate(sum, second, 0.5);
    CHECK(close(sum.at("w"), gradients(x).at("w"), 1e-6) == "");
    CHECK(close(first.at("w"), kept, 0.0) == "");
    CHECK_THROWS_WITH(accumulate(sum, {{"v", w}}), test::has_text("'w'"));
}

TEST_CASE("the first tensor with a NaN or an infinity is named") {
    Weights weights = some_weights();
    CHECK_FALSE(first_not_finite(weights));
    // a count is a number
    CHECK_FALSE(first_not_finite(Adam(weights, {}).state()));
    const float largest = std::numeric_limits<float>::max(),
                infinite = std::numeric_limits<float>::infinity();
    weights.at("scalar").data()[0] = -largest;
    CHECK_FALSE(first_not_finite(weights));
    for (const float bad : {std::nanf(""), -std::nanf(""), infinite, -infinite}) {
        weights = some_weights();
        weights.at("norm").data()[0] = bad;
        CHECK(first_not_finite(weights) == "norm");
        // the very last
        weights.at("big").data()[120'002] = bad;
        CHECK(first_not_finite(weights) == "big");
        CHECK_FALSE(std::isfinite(gradient_norm(weights)));
    }
}

// ---- weights as a trainer owns them

TEST_CASE(
    "a network computes with what the optimizer has written, and the file it came from does not") {
    nn::Checkpoint file;
    file.add("deep.layer.weight", noise({3, 4}, 1));
    file.add("deep.layer.bias", noise({3}, 2));
    const Tensor x = noise({2, 4}, 3);
    const Tensor before = nn::Linear(file.root() / "deep" / "layer", 4, 3)(x);

    std::optional<nn::Linear> layer;
    Weights weights = weights_of([&](const nn::Params& p) { layer.emplace(p / "layer", 4, 3); },
                                 copied_from(file.root() / "deep"));
    file.check("the file");
    REQUIRE(weights.size() == 2);
    CHECK(close((*layer)(x), before, 0.0) == "");

    Tape tape;
    watch(tape, weights);
    const Weights gradients = gradients_of(tape.backward((*layer)(x), noise({2, 3}, 4)), weights);
    Adam(weights, {}).step(gradients, 0.1);
    CHECK(close((*layer)(x), before, 1e-2) != "");
    CHECK(close(nn::Linear(file.root() / "deep" / "layer", 4, 3)(x), before, 0.0) == "");

    nn::Checkpoint lent;
    add_weights(weights, lent);
    CHECK(close(nn::Linear(lent.root() / "layer", 4, 3)(x), (*layer)(x), 0.0) == "");
}

TEST_CASE("a file that does not fit is refused as a whole") {
    const test::TemporaryFolder folder;
    const Weights stored{{"a", noise({2}, 1)}, {"b", noise({3}, 2)}, {"c", noise({1}, 3)}};
    io::write_safetensors(folder / "w.safetensors", entries_of(stored, "w/"));
    const io::TensorFile file = io::open_safetensors(folder / "w.safetensors");

    Weights good{{"a", noise({2}, 4)}, {"b", noise({3}, 5)}, {"c", noise({1}, 6)}};
    read_weights(file, good, "w/");
    CHECK(same_bits(good, stored));

    const auto refused = [&](Weights weights, const std::string& prefix, const std::string& text) {
        const Weights before = copy_of(weights);
        CHECK_THROWS_WITH(read_weights(file, weights, prefix), test::has_text(text));
        for (const auto& [name, w] : weights)
            if (w.dtype() == DType::f32) CHECK(close(w, before.at(name), 0.0) == "");
    };
    refused({{"a", noise({2}, 4)}, {"b", noise({3}, 5)}, {"d", noise({1}, 6)}}, "w/",
            "'w/d' is missing");
    refused({{"a", noise({2}, 4)}, {"b", noise({3}, 5)}, {"d", noise({1}, 6)}}, "w/",
            "'w/c' belongs to nothing");
    refused({{"w/a", noise({2}, 4)}, {"w/b", noise({4}, 5)}}, "",
            "'w/b' is F32 [3], expected F32 [4]");
    refused({{"a", noise({2}, 4)}, {"b", noise({3}, 5)}, {"c", Tensor({1}, DType::i32)}}, "w/",
            "expected I32");
}

// ---- initial weights

TEST_CASE("networks are initialized as PyTorch's: mean and standard deviation of every tensor") {
    const io::Json reference = read_reference("initial_weights.json");
    const auto compare = [&](const char* network, const Rules& rules, const auto& build) {
        const io::Json& stored = reference.at(network);
        std::map<std::string, std::vector<double>> values;
        constexpr int seeds = 30;
        for (int seed = 0; seed < seeds; ++seed)
            for (const auto& [name, w] :
                 weights_of([&](const nn::Params& p) { build(p, stored.at("config")); },
                            initial_weights(rules, seed)))
                values[name].insert(values[name].end(), w.values().begin(), w.values().end());
        CHECK(values.size() == stored.at("mean_and_std").size());
        for (const auto& [name, v] : values) {
            INFO(network << " " << name);
            REQUIRE(stored.at("mean_and_std").contains(name));
            const double expected_mean = stored["mean_and_std"][name][0],
                         expected_std = stored["mean_and_std"][name][1];
            double mean = 0, squares = 0;
            for (const double x : v) mean += x / v.size();
            for (const double x : v) squares += (x - mean) * (x - mean) / v.size();
            // both sides are estimates from a sample
            CHECK(std::abs(mean - expected_mean) <=
                  1e-3 * std::abs(expected_mean) + 8 * expected_std / std::sqrt(v.size()));
            CHECK(std::abs(std::sqrt(squares) - expected_std) <=
                  expected_std * (8 / std::sqrt(2.0 * v.size()) + 1e-3) + 1e-9);
        }
    };
    const auto unet = [](const nn::Params& p, const io::Json& config) {
        unet::UNetModel(p, unet::Config::from_json(config));
    };
    compare("unet_words", unet_rules(), unet);
    compare("unet_plain", unet_rules(), unet);
    compare("autoencoder", autoencoder_rules(), [](const nn::Params& p, const io::Json& config) {
        vae::AutoencoderKL(p, vae::Config::from_json(config.at("ddconfig")),
                           config.at("embed_dim").get<int>());
    });
    compare("clip", clip_rules(reference.at("clip").at("config")),
            [](const nn::Params& p, const io::Json& config) {
                clip::ClipModel(p, clip::ClipModel::Config::from_json(config));
            });
}

TEST_CASE("a new UNet predicts zero, wherever it stands in a model") {
    const auto config =
        unet::Config::from_json(read_reference("initial_weights.json")["unet_words"]["config"]);
    const Tensor t = Tensor::ints({2}, std::vector<std::int32_t>{3, 900}),
                 y = Tensor::ints({2}, std::vector<std::int32_t>{0, 7});
    for (const char* place : {"", "model.diffusion_model"}) {
        std::optional<unet::UNetModel> network;
        weights_of([&](const nn::Params& p) { network.emplace(*place ? p / place : p, config); },
                   initial_weights(unet_rules(), 1));
        const Tensor out = (*network)(noise({2, 4, 8, 8}, 1), t, noise({2, 3, 16}, 2), y);
        CHECK(close(out, Tensor::zeros({2, 4, 8, 8}), 0.0) == "");
    }
}

TEST_CASE("a tensor is initialized from its name and seed, whatever is beside it") {
    const auto make = initial_weights({}, 5);
    const Tensor first = make("a.weight", {4, 4}), second = make("b.weight", {4, 4});
    const auto again = initial_weights({}, 5);
    CHECK(close(again("b.weight", {4, 4}), second, 0.0) == "");
    CHECK(close(again("a.weight", {4, 4}), first, 0.0) == "");
    CHECK(close(first, second, 1e-3) != "");
    CHECK(close(initial_weights({}, 6)("a.weight", {4, 4}), first, 1e-3) != "");
}

TEST_CASE("layers: uniform by fan in; norms: 1 and 0") {
    const auto make = initial_weights({}, 1);
    const Tensor conv = make("conv.weight", {64, 8, 3, 3}), bias = make("conv.bias", {64});
    const double bound = 1 / std::sqrt(72.0);
    for (const Tensor& x : {conv, bias}) {
        const auto [low, high] = std::ranges::minmax(x.values());
        CHECK((low >= -bound && low < -0.8 * bound && high <= bound && high > 0.8 * bound));
    }
    CHECK(close(make("norm.weight", {5}), Tensor::full({5}, 1), 0.0) == "");
    CHECK(close(make("norm.bias", {5}), Tensor::zeros({5}), 0.0) == "");
    CHECK_THROWS_WITH(make("lost.bias", {5}), test::has_text("'lost.bias'"));
    CHECK_THROWS_WITH(make("strange", {5}), test::has_text("'strange'"));
}

TEST_CASE("the discriminator and the codebook are initialized as taming's") {
    const auto make = initial_weights(discriminator_rules(), 1);
    const auto statistics = [](const Tensor& x) {
        double mean = 0, squares = 0;
        for (const float v : x.values()) mean += v / static_cast<double>(x.size());
        for (const float v : x.values())
            squares += (v - mean) * (v - mean) / static_cast<double>(x.size());
        return std::pair{mean, std::sqrt(squares)};
    };
    const auto [conv_mean, conv_std] = statistics(make("main.2.weight", {128, 64, 4, 4}));
    CHECK(std::abs(conv_mean) < 1e-3);
    CHECK(conv_std == Approx(0.02).epsilon(0.02));
    const auto [norm_mean, norm_std] = statistics(make("main.3.weight", {4000}));
    CHECK(norm_mean == Approx(1.0).margin(2e-3));
    CHECK(norm_std == Approx(0.02).epsilon(0.1));
    CHECK(close(make("main.3.bias", {128}), Tensor::zeros({128}), 0.0) == "");
    CHECK(close(make("main.3.running_var", {128}), Tensor::full({128}, 1), 0.0) == "");
    CHECK(statistics(make("main.2.bias", {4000})).second ==
          Approx(1 / std::sqrt(3 * 1024.0)).epsilon(0.05));

    const Tensor codebook =
        initial_weights(autoencoder_rules(), 1)("quantize.embedding.weight", {50, 8});
    const auto [low, high] = std::ranges::minmax(codebook.values());
    CHECK((low >= -0.02f && low < -0.018f && high <= 0.02f && high > 0.018f));
}
