#include <cmath>
#include <numbers>

#include "chapters/09_training/losses/lpips_weights.h"
#include "chapters/09_training/losses/lpips_with_discriminator.h"
#include "chapters/09_training/losses/vq_lpips_with_discriminator.h"
#include "chapters/09_training/verify_losses.h"
#include "common/io/atomic_file.h"
#include "common/io/safetensors.h"
#include "common/ops/conv2d.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"
#include "tests/support/torch_writer.h"

using namespace ldm;
using test::close;
using test::gradients_agree;
using test::has_text;
using test::noise;
using train::Mode;
using Inputs = const std::vector<Tensor>&;

namespace {

float first_of(const Tensor& x) { return x.values()[0]; }

Tensor copy(const Tensor& x) { return Tensor::from(x.shape(), x.values()); }

const Tensor one = Tensor::scalar(1.0f);

/// The weights of one batch norm or ActNorm; the tensors stay in sight.
struct NormWeights {
    Tensor weight = noise({3}, 1), bias = noise({3}, 2);
    Tensor mean = noise({3}, 3), variance = ops::abs(noise({3}, 4)) + 0.5f;
    Tensor batches = Tensor::scalar(6.0f);
    Tensor loc = noise({1, 3, 1, 1}, 5), scale = noise({1, 3, 1, 1}, 6);
    Tensor initialized = Tensor::scalar(0.0f);
    nn::Checkpoint checkpoint;

    NormWeights() {
        checkpoint.add("weight", weight);
        checkpoint.add("bias", bias);
        checkpoint.add("running_mean", mean);
        checkpoint.add("running_var", variance);
        checkpoint.add("num_batches_tracked", batches);
        checkpoint.add("loc", loc);
        checkpoint.add("scale", scale);
        checkpoint.add("initialized", initialized);
    }
    nn::Params root() { return checkpoint.root(); }
};

/// Fresh weights for the losses without LPIPS, and an input for them.
struct SmallLoss {
    nn::Checkpoint checkpoint;
    Tensor x = noise({2, 3, 16, 20}, 1), rec = noise({2, 3, 16, 20}, 2);
    vae::DiagonalGaussian posterior{noise({2, 4, 2, 3}, 3)};

    explicit SmallLoss(const io::Json& json) {
        random::TorchGenerator noise(7);
        const auto adversarial_loss = train::AdversarialLoss::Config::from_json(json);
        train::add_new_discriminator(checkpoint, "discriminator.", adversarial_loss.discriminator,
                                     noise);
        checkpoint.add("logvar", Tensor::scalar(0.3f));
    }
};

io::Json kl_config(const io::Json& changes = io::Json::object()) {
    io::Json json = {{"disc_start", 5},      {"kl_weight", 0.25},  {"perceptual_weight", 0.0},
                     {"disc_num_layers", 1}, {"disc_factor", 0.5}, {"disc_weight", 0.75}};
    json.update(changes);
    return json;
}

train::LPIPSWithDiscriminator kl_loss(SmallLoss& small, const io::Json& json) {
    return {small.checkpoint.root(), train::LPIPSWithDiscriminator::Config::from_json(json)};
}

/// A safetensors file of zeros with these names and shapes, the first number of each its place in
/// the list, from 1.
void write_weights(const std::filesystem::path& path,
                   const std::vector<std::pair<std::string, Shape>>& weights) {
    std::vector<std::vector<float>> values;
    std::vector<io::TensorEntry> entries;
    for (const auto& [name, shape] : weights) {
        values.emplace_back(element_count(shape), 0.0f);
        values.back()[0] = static_cast<float>(values.size());
    }
    for (std::size_t i = 0; i < weights.size(); ++i)
        entries.push_back(io::entry_of(weights[i].first, weights[i].second, values[i]));
    io::write_safetensors(path, entries);
}

std::vector<std::pair<std::string, Shape>> torchvision_weights() {
    std::vector<std::pair<std::string, Shape>> weights;
    for (const auto& [slice, index, in, out] : train::vgg16_layers) {
        const std::string name = "features." + std::to_string(index);
        weights.push_back({name + ".weight", {out, in, 3, 3}});
        weights.push_back({name + ".bias", {out}});
    }
    weights.push_back({"classifier.6.bias", {1000}});
    return weights;
}

std::vector<std::pair<std::string, Shape>> linear_weights() {
    std::vector<std::pair<std::string, Shape>> weights;
    for (int k = 0; k < 5; ++k)
        weights.push_back(
            {"lin" + std::to_string(k) + ".model.1.weight", {1, train::Vgg16::channels[k], 1, 1}});
    return weights;
}

/// All weights of LPIPS under its own names, behind `prefix`.
std::vector<std::pair<std::string, Shape>> lpips_weights(const std::string& prefix) {
    std::vector<std::pair<std::string, Shape>> weights;
    for (const char* name : {"scaling_layer.scale", "scaling_layer.shift"})
        weights.push_back({prefix + name, {1, 3, 1, 1}});
    for (const auto& [slice, index, in, out] : train::vgg16_layers) {
        const std::string name =
            prefix + "net.slice" + std::to_string(slice) + "." + std::to_string(index);
        weights.push_back({name + ".weight", {out, in, 3, 3}});
        weights.push_back({name + ".bias", {out}});
    }
    for (const auto& [name, shape] : linear_weights()) weights.push_back({prefix + name, shape});
    return weights;
}

}  // namespace

TEST_CASE("every stored case of the losses of chapter 09") {
    verify::Registry registry;
    train::register_losses(registry);
    for (const char* name : {"LPIPS", "NLayerDiscriminator", "GanLosses", "LPIPSWithDiscriminator",
                             "VQLPIPSWithDiscriminator"})
        CHECK(registry.contains(name));
    test::check_cases("09_training", registry);
}

// ---- LPIPS

TEST_CASE("LPIPS of a picture and itself is 0, and LPIPS is symmetric") {
    test::StoredModel stored("09_training/LPIPS.tiny_input");
    const train::LPIPS distance(stored.params());
    const Tensor a = noise({2, 3, 16, 20}, 1), b = noise({2, 3, 16, 20}, 2);
    CHECK(close(distance(a, a), Tensor::zeros({2, 1, 1, 1}), 0.0) == "");
    CHECK(close(distance(a, b), distance(b, a), 1e-6) == "");
    CHECK(distance(a, b).values()[0] > 0.0f);

    // a picture does not feel who else is in the batch
    const auto second = [](const Tensor& x) { return ops::slice(x, 0, 1, 2); };
    CHECK(close(distance(second(a), second(b)), second(distance(a, b)), 0.0) == "");
    CHECK_THROWS_WITH(distance(noise({1, 3, 15, 32}, 3), noise({1, 3, 15, 32}, 4)),
                      has_text("16 x 16"));
    CHECK_THROWS_AS(distance(a, noise({2, 3, 16, 16}, 3)), Error);
}

TEST_CASE("normalize_tensor makes the features of every pixel of length 1") {
    const Tensor y = train::normalize_tensor(noise({2, 5, 3, 4}, 1));
    CHECK(close(ops::sum(ops::square(y), {1}), Tensor::full({2, 3, 4}, 1.0f), 1e-6) == "");
    CHECK(close(train::normalize_tensor(Tensor::zeros({1, 4, 1, 2})), Tensor::zeros({1, 4, 1, 2}),
                0.0) == "");
    CHECK(gradients_agree([](Inputs in) { return train::normalize_tensor(in[0]); },
                          {noise({2, 3, 2, 2}, 2)}) == "");
}

TEST_CASE("a pixel without any VGG16 feature has a finite gradient") {
    test::StoredModel stored("09_training/LPIPS.tiny_input");
    // the last slice never lights up
    nn::Checkpoint dead;
    for (const auto& [slice, index, in, out] : train::vgg16_layers) {
        const std::string name = "net.slice" + std::to_string(slice) + "." + std::to_string(index);
        dead.add(name + ".weight", stored.params().get(name + ".weight", {out, in, 3, 3}));
        dead.add(name + ".bias", index == 28 ? Tensor::full({out}, -1e6f)
                                             : stored.params().get(name + ".bias", {out}));
    }
    for (const auto& [name, shape] : linear_weights())
        dead.add(name, stored.params().get(name, shape));
    for (const char* name : {"scaling_layer.shift", "scaling_layer.scale"})
        dead.add(name, stored.params().get(name, {1, 3, 1, 1}));
    const train::LPIPS distance(dead.root());
    const Tensor a = noise({1, 3, 16, 16}, 1), b = noise({1, 3, 16, 16}, 2);
    Tape tape;
    tape.watch(b);
    const Tensor d = distance(a, b);
    const Tensor flow = tape.backward(d, Tensor::full(d.shape(), 1.0f)).of(b);
    for (const float value : flow.values())
        if (!std::isfinite(value)) FAIL("not a number");
}

TEST_CASE("the weights of LPIPS come from the files that people have") {
    test::TemporaryFolder folder;
    const auto vgg = torchvision_weights();
    write_weights(folder / "vgg16.safetensors", vgg);
    write_weights(folder / "lin.safetensors", linear_weights());

    nn::Checkpoint checkpoint;
    train::add_lpips_weights(checkpoint, {folder / "lin.safetensors", folder / "vgg16.safetensors"},
                             "perceptual_loss.");
    const nn::Params weights = checkpoint.root() / "perceptual_loss";
    const train::LPIPS distance(weights);
    checkpoint.check("the files");
    // the classifier is not there either
    CHECK(checkpoint.unused().empty());
    CHECK(close(weights.get("scaling_layer.shift", {1, 3, 1, 1}),
                Tensor::from({1, 3, 1, 1}, {-0.030f, -0.088f, -0.188f}), 0.0) == "");
    CHECK(close(weights.get("scaling_layer.scale", {1, 3, 1, 1}),
                Tensor::from({1, 3, 1, 1}, {0.458f, 0.448f, 0.450f}), 0.0) == "");
    // features.21 is the tenth convolution: its weight is the nineteenth tensor of the file
    CHECK(first_of(weights.get("net.slice4.21.weight", {512, 512, 3, 3})) == 19.0f);
    CHECK(first_of(weights.get("net.slice1.0.bias", {64})) == 2.0f);
    CHECK(first_of(weights.get("lin3.model.1.weight", {1, 512, 1, 1})) == 4.0f);

    SECTION("also from one file with the names of LPIPS, or from an autoencoder's") {
        const std::string outer = GENERATE("", "perceptual_loss.", "loss.perceptual_loss.");
        auto whole = lpips_weights(outer);
        whole.push_back({"loss.logvar", {}});
        write_weights(folder / "whole.safetensors", whole);
        nn::Checkpoint complete;
        train::add_lpips_weights(complete, {folder / "whole.safetensors"});
        const train::LPIPS from_one_file(complete.root());
        complete.check("the file");
        CHECK(complete.unused().empty());
        CHECK(first_of(complete.root().get("scaling_layer.scale", {1, 3, 1, 1})) == 1.0f);
    }
    SECTION("what is missing, doubled or misshapen is named") {
        nn::Checkpoint none;
        CHECK_THROWS_WITH(train::add_lpips_weights(none, {folder / "lin.safetensors"}),
                          has_text("features.0.weight") && has_text("lin.safetensors"));
        nn::Checkpoint half;
        CHECK_THROWS_WITH(train::add_lpips_weights(half, {folder / "vgg16.safetensors"}),
                          has_text("lin0.model.1.weight"));
        nn::Checkpoint twice;
        CHECK_THROWS_WITH(train::add_lpips_weights(
                              twice, {folder / "lin.safetensors", folder / "lin.safetensors"}),
                          has_text("'lin0.model.1.weight' is here twice"));
        write_weights(folder / "wrong.safetensors", {{"features.5.bias", {64}}});
        nn::Checkpoint wrong;
        CHECK_THROWS_WITH(train::add_lpips_weights(wrong, {folder / "wrong.safetensors"}),
                          has_text("'features.5.bias' is [64], expected [128]"));
    }
    SECTION("a file of torch.save gives the same") {
        const io::TensorFile lin = io::open_safetensors(folder / "lin.safetensors");
        io::write_text_file(folder / "lin.pth", test::torch_old(lin.entries()));
        nn::Checkpoint pickled;
        train::add_lpips_weights(pickled, {folder / "vgg16.safetensors", folder / "lin.pth"});
        const train::LPIPS from_a_pickle(pickled.root());
        pickled.check("the files");
        CHECK(pickled.unused().empty());
        const nn::Params first = pickled.root() / "lin0" / "model" / 1;
        CHECK(close(first.get("weight", {1, 64, 1, 1}),
                    Tensor::from({1, 64, 1, 1}, io::read_floats(lin.at("lin0.model.1.weight"))),
                    0.0) == "");
    }
}

// ---- the discriminator

TEST_CASE("a batch norm in training normalizes by the batch and updates the running statistics") {
    NormWeights weights;
    train::BatchNorm2d norm(weights.root(), 3);
    const Tensor x = noise({2, 3, 4, 5}, 8);
    const Tensor old_mean = copy(weights.mean), old_variance = copy(weights.variance);
    const Tensor y = norm(x, Mode::train);

    const Tensor mean = ops::mean(x, {0, 2, 3}, ops::Axes::keep);
    const Tensor squares = ops::sum(ops::square(x - mean), {0, 2, 3}, ops::Axes::keep);
    const auto per_channel = [](const Tensor& t) { return t.reshape({3, 1, 1}); };
    CHECK(close(y,
                (x - mean) / ops::sqrt(squares / 40.0f + 1e-5f) * per_channel(weights.weight) +
                    per_channel(weights.bias),
                1e-5) == "");
    CHECK(close(weights.mean, 0.9f * old_mean + 0.1f * mean.reshape({3}), 1e-6) == "");
    CHECK(close(weights.variance, 0.9f * old_variance + 0.1f / 39.0f * squares.reshape({3}),
                1e-6) == "");
    CHECK(weights.batches.item() == 7.0f);
}

TEST_CASE("a batch norm in evaluation normalizes by the running statistics, and keeps them") {
    NormWeights weights;
    train::BatchNorm2d norm(weights.root(), 3);
    const Tensor x = noise({2, 3, 4, 5}, 8), old_mean = copy(weights.mean);
    const Tensor y = norm(x, Mode::eval);
    const auto per_channel = [](const Tensor& t) { return t.reshape({3, 1, 1}); };
    CHECK(close(y,
                (x - per_channel(weights.mean)) / ops::sqrt(per_channel(weights.variance) + 1e-5f) *
                        per_channel(weights.weight) +
                    per_channel(weights.bias),
                1e-5) == "");
    CHECK(close(weights.mean, old_mean, 0.0) == "");
    CHECK(weights.batches.item() == 6.0f);
}

TEST_CASE("ActNorm is initialized by its first batch of the training, and only by that") {
    NormWeights weights;
    train::ActNorm norm(weights.root(), 3);
    const Tensor x = 5.0f * noise({2, 3, 4, 5}, 8) + 3.0f;
    const Tensor before = copy(weights.loc);
    CHECK(close(norm(x, Mode::eval), weights.scale * (x + weights.loc), 0.0) == "");
    CHECK(close(weights.loc, before, 0.0) == "");

    const Tensor y = norm(x, Mode::train);
    CHECK(weights.initialized.item() == 1.0f);
    CHECK(close(ops::mean(y, {0, 2, 3}), Tensor::zeros({3}), 1e-5) == "");
    CHECK(close(ops::sum(ops::square(y), {0, 2, 3}) / 39.0f, Tensor::full({3}, 1.0f), 1e-4) == "");

    const Tensor loc = copy(weights.loc), other = noise({2, 3, 4, 5}, 9);
    CHECK(close(norm(other, Mode::train), weights.scale * (other + loc), 0.0) == "");
    CHECK(close(weights.loc, loc, 0.0) == "");
    CHECK(gradients_agree([&](Inputs in) { return norm(in[0], Mode::train); },
                          {noise({1, 3, 2, 2}, 10)}) == "");
}

TEST_CASE("ActNorm from a checkpoint without `initialized` has been trained") {
    nn::Checkpoint checkpoint;
    const Tensor loc = noise({1, 3, 1, 1}, 1), scale = noise({1, 3, 1, 1}, 2),
                 x = noise({2, 3, 2, 2}, 3);
    checkpoint.add("loc", loc);
    checkpoint.add("scale", scale);
    train::ActNorm norm(checkpoint.root(), 3);
    checkpoint.check("the checkpoint");
    CHECK(close(norm(x, Mode::train), scale * (x + loc), 0.0) == "");
}

TEST_CASE("a new discriminator has the layers and the initialization of PatchGAN") {
    random::TorchGenerator generator(1);
    nn::Checkpoint checkpoint;
    train::add_new_discriminator(checkpoint, "d.", {}, generator);
    train::NLayerDiscriminator network(checkpoint.root() / "d", {});
    checkpoint.check("the new weights");
    CHECK(checkpoint.unused().empty());
    CHECK(network(noise({1, 3, 64, 48}, 1), Mode::train).shape() == Shape{1, 1, 6, 4});

    std::size_t trained = 0;
    for (const std::string& name : checkpoint.names())
        if (!train::is_buffer(name)) trained += checkpoint.count(name).second;
    CHECK(trained == 2765633);

    const auto spread = [&](const std::string& name, const Shape& shape, float center) {
        const Tensor w = checkpoint.root().get("d.main." + name, shape);
        return std::sqrt(ops::mean(ops::square(w - center)).item());
    };
    CHECK(spread("5.weight", {256, 128, 4, 4}, 0.0f) == Approx(0.02).epsilon(0.01));
    CHECK(spread("9.weight", {512}, 1.0f) == Approx(0.02).epsilon(0.1));
    // uniform within 1 / sqrt(16 * 3), whose deviation is a third of the square
    CHECK(spread("0.bias", {64}, 0.0f) == Approx(1.0 / std::sqrt(16.0 * 3 * 3)).epsilon(0.2));
}

TEST_CASE("with ActNorm every convolution has a bias, and the first batch sets the norms") {
    const train::NLayerDiscriminator::Config config{
        .input_nc = 2, .ndf = 4, .n_layers = 2, .use_actnorm = true};
    random::TorchGenerator generator(1);
    nn::Checkpoint checkpoint;
    train::add_new_discriminator(checkpoint, "", config, generator);
    train::NLayerDiscriminator network(checkpoint.root(), config);
    checkpoint.check("the new weights");
    CHECK(checkpoint.unused().empty());
    CHECK(checkpoint.contains("main.5.bias"));
    network(noise({2, 2, 16, 16}, 1), Mode::train);
    CHECK(checkpoint.root().get("main.6.initialized", {}).item() == 1.0f);
    CHECK(first_of(checkpoint.root().get("main.6.scale", {1, 16, 1, 1})) != 1.0f);
}

TEST_CASE("in evaluation a picture's logits do not depend on the others, in training they do") {
    random::TorchGenerator generator(1);
    nn::Checkpoint checkpoint;
    const train::NLayerDiscriminator::Config config{.ndf = 4, .n_layers = 2};
    train::add_new_discriminator(checkpoint, "", config, generator);
    train::NLayerDiscriminator network(checkpoint.root(), config);
    const Tensor x = noise({2, 3, 16, 16}, 1);
    const auto second = [](const Tensor& t) { return ops::slice(t, 0, 1, 2); };
    CHECK(close(network(second(x), Mode::eval), second(network(x, Mode::eval)), 0.0) == "");
    CHECK(close(network(second(x), Mode::train), second(network(x, Mode::train)), 1e-4) != "");
}

TEST_CASE("a discriminator has at least one layer") {
    nn::Checkpoint checkpoint;
    CHECK_THROWS_WITH(train::NLayerDiscriminator(checkpoint.root(), {.n_layers = 0}),
                      has_text("'n_layers' is 0"));
}

// ---- the game

TEST_CASE("GAN losses are their equations") {
    const Tensor real = noise({3, 1, 4, 5}, 1), fake = noise({3, 1, 4, 5}, 2);
    double hinge = 0, vanilla = 0, generator = 0;
    for (std::int64_t i = 0; i < real.size(); ++i) {
        const double r = real.data()[i], f = fake.data()[i], share = 1.0 / real.size();
        hinge += 0.5 * share * (std::max(0.0, 1 - r) + std::max(0.0, 1 + f));
        vanilla += 0.5 * share * (std::log(1 + std::exp(-r)) + std::log(1 + std::exp(f)));
        generator -= share * f;
    }
    CHECK(train::hinge_d_loss(real, fake).item() == Approx(hinge));
    CHECK(train::vanilla_d_loss(real, fake).item() == Approx(vanilla));
    CHECK(train::g_loss(fake).item() == Approx(generator));
    CHECK(train::d_loss(train::disc_loss_from("hinge"), real, fake).item() == Approx(hinge));
    CHECK(train::d_loss(train::disc_loss_from("vanilla"), real, fake).item() == Approx(vanilla));
    CHECK_THROWS_WITH(train::disc_loss_from("wgan"), has_text("'wgan'"));
    CHECK(gradients_agree([](Inputs in) { return train::vanilla_d_loss(in[0], in[1]); },
                          {noise({2, 1, 2, 2}, 3), noise({2, 1, 2, 2}, 4)}) == "");
}

TEST_CASE("weights of pictures: equal ones change nothing, a 0 leaves a picture out") {
    const Tensor real = noise({2, 1, 4, 5}, 1), fake = noise({2, 1, 4, 5}, 2);
    const auto with = [&](float first, float second) {
        return train::hinge_d_loss_with_exemplar_weights(real, fake,
                                                         Tensor::from({2}, {first, second}))
            .item();
    };
    CHECK(with(0.3f, 0.3f) == Approx(train::hinge_d_loss(real, fake).item()));
    CHECK(with(0, 2) ==
          Approx(train::hinge_d_loss(ops::slice(real, 0, 1, 2), ops::slice(fake, 0, 1, 2)).item()));
}

TEST_CASE("a weight is adopted at its threshold") {
    CHECK(train::adopt_weight(0.8f, 99, 100, 0.1f) == 0.1f);
    CHECK(train::adopt_weight(0.8f, 100, 100, 0.1f) == 0.8f);
    CHECK(train::adopt_weight(0.8f, 0) == 0.8f);
}

TEST_CASE("perplexity is how many entries of a codebook are in use") {
    const auto use = [](std::vector<std::int32_t> indices, int n_embed) {
        return train::measure_perplexity(
            Tensor::ints({static_cast<std::int64_t>(indices.size())}, indices), n_embed);
    };
    CHECK(use({0, 1, 2, 3}, 4).perplexity == Approx(4.0));
    CHECK(use({2, 2, 2}, 4).perplexity == Approx(1.0));
    CHECK(use({2, 2, 2}, 4).cluster_use == 1);
    CHECK(use({0, 3, 3, 0}, 9).perplexity == Approx(2.0));
    CHECK(use({0, 3, 3, 0}, 9).cluster_use == 2);
    CHECK_THROWS_WITH(use({0, 4}, 4), has_text("index 4"));
    CHECK_THROWS_AS(use({-1}, 4), Error);
}

// ---- a term, differentiated on the spot

TEST_CASE("a term has the gradient that it would have without its own tape") {
    const Tensor a = noise({3, 4}, 1), b = noise({4}, 2), weight = noise({4}, 3);
    const auto f = [&](const Tensor& a, const Tensor& b) {
        return ops::sum(ops::square(a * b + weight)) / 3.0f;
    };
    Tape plain;
    plain.watch(a), plain.watch(b);
    const Tensor expected = f(a, b);
    const Gradients wanted = plain.backward(2.0f * expected, one);
    const Gradients twice = plain.backward(expected, Tensor::scalar(2.0f));

    Tape tape;
    for (const Tensor& x : {a, b, weight}) tape.watch(x);
    const train::LossTerm term = train::differentiate({a, b}, [&] { return f(a, b); });
    const Tensor loss = 2.0f * term.value;
    CHECK(close(term.value, expected, 0.0) == "");
    CHECK(close(2.0f * term.gradients[0], twice.of(a), 1e-5) == "");
    for (int again = 0; again < 2; ++again) {
        const Gradients got = tape.backward(loss, one);
        CHECK(close(got.of(a), twice.of(a), 1e-5) == "");
        CHECK(close(got.of(b), twice.of(b), 1e-5) == "");
        // it only classifies
        CHECK(close(got.of(weight), Tensor::zeros({4}), 0.0) == "");
    }
}

TEST_CASE("a term computes the gradients that the tape in scope needs, and no others") {
    const Tensor a = noise({4}, 1), b = noise({4}, 2);
    const auto f = [&] { return ops::sum(a * b); };
    {
        Tape tape;
        tape.watch(b);
        const auto term = train::differentiate({a, b}, f);
        CHECK_FALSE(term.gradients[0]);
        CHECK(close(term.gradients[1], a, 0.0) == "");
        CHECK(close(tape.backward(term.value, one).of(b), a, 0.0) == "");
    }
    const auto term = train::differentiate({a, b}, f);
    CHECK(close(term.value, f(), 0.0) == "");
    CHECK_FALSE(term.gradients[0]);
    CHECK_FALSE(term.gradients[1]);
}

TEST_CASE("the adaptive weight is the ratio of two gradient norms at the last layer") {
    const Tensor feat = noise({1, 4, 5, 6}, 1), layer = noise({3, 4, 3, 3}, 2);
    const Tensor target = noise({1, 3, 5, 6}, 3), direction = noise({1, 3, 5, 6}, 4);
    Tape tape;
    tape.watch(layer);
    const Tensor rec = ops::conv2d(feat, layer, {}, {.padding = ops::Padding::all(1)});
    tape.watch(rec);
    const auto felt = [&](const Tensor& loss) {
        return std::sqrt(ops::sum(ops::square(tape.backward(loss, one).of(layer))).item());
    };
    const Tensor nll = ops::mean(ops::square(rec - target)), g = ops::sum(rec * direction);
    const double expected = felt(nll) / (felt(g) + 1e-4);

    const Tensor grad_of_nll = tape.backward(nll, one).of(rec);
    const train::LastLayer last{tape, layer};
    CHECK(train::adaptive_weight(last, rec, grad_of_nll, direction) == Approx(expected));
    CHECK(train::adaptive_weight(last, rec, 1e4f * grad_of_nll, 0.0f * direction) == 1e4f);
    CHECK(train::adaptive_weight(last, rec, grad_of_nll, 0.0f * direction) ==
          Approx(std::min(felt(nll) / 1e-4, 1e4)));
}

// ---- the losses

TEST_CASE("without perceptual loss no weights of LPIPS are needed") {
    SmallLoss small(kl_config());
    auto loss = kl_loss(small, kl_config());
    small.checkpoint.check("the small loss");
    CHECK(small.checkpoint.unused().empty());
    nn::Checkpoint none;
    CHECK_THROWS_WITH(
        (train::ReconstructionLoss(none.root(), {.perceptual_weight = 1.0f}), none.check("it")),
        has_text("net.slice1.0.weight"));
}

TEST_CASE("the generator's loss is its equation") {
    const io::Json json = kl_config();
    SmallLoss small(json);
    auto loss = kl_loss(small, json);
    const Tensor layer = noise({3, 4, 3, 3}, 5, 0.3f), feat = noise({2, 4, 16, 20}, 6);
    Tape tape;
    tape.watch(layer);
    const Tensor rec = ops::conv2d(feat, layer, {}, {.padding = ops::Padding::all(1)});
    const train::LastLayer last{tape, layer};
    const auto at = [&](int step) {
        return loss.generator(small.x, rec, small.posterior, step, &last);
    };

    const auto before = at(4), after = at(5);
    const double l1 = ops::mean(ops::abs(small.x - rec)).item();
    const double nll = 3 * 16 * 20 * (l1 / std::exp(0.3) + 0.3);
    CHECK(before.rec_loss == Approx(l1));
    CHECK(before.logvar == 0.3f);
    CHECK(before.nll_loss == Approx(nll));
    CHECK(before.kl_loss == Approx(ops::mean(small.posterior.kl()).item()));
    CHECK(before.disc_factor == 0.0f);
    CHECK(before.d_weight > 0.0f);
    CHECK(before.total_loss == Approx(nll + 0.25 * before.kl_loss));
    CHECK(after.disc_factor == 0.5f);
    CHECK(after.total_loss ==
          Approx(nll + 0.25 * after.kl_loss + 0.5 * after.d_weight * after.g_loss));
    CHECK(after.loss.item() == after.total_loss);

    // the weight is a constant for the gradient
    const auto alone = [&](const Tensor& y) { return tape.backward(y, one).of(layer); };
    train::NLayerDiscriminator discriminator(
        small.checkpoint.root() / "discriminator",
        train::AdversarialLoss::Config::from_json(json).discriminator);
    const Tensor g = train::g_loss(discriminator(rec, Mode::train));
    const Tensor r = ops::sum(ops::abs(small.x - rec)) / (2.0f * std::exp(0.3f));
    CHECK(close(alone(after.loss), alone(r) + (0.5f * after.d_weight) * alone(g), 2e-3) == "");
    CHECK(close(alone(before.loss), alone(r), 2e-3) == "");
}

TEST_CASE("the gradients of the generator's loss are those of finite differences") {
    const io::Json json = kl_config({{"disc_start", 0}});
    SmallLoss small(json);
    auto loss = kl_loss(small, json);
    const Tensor x = noise({1, 3, 12, 12}, 1);
    // Without a last layer the discriminator has no weight, and no kink of it is crossed.
    const auto of_rec_and_moments = [&](Inputs in) {
        return loss.generator(x, in[0], vae::DiagonalGaussian(in[1]), 0).loss;
    };
    Tensor rec = noise({1, 3, 12, 12}, 2);
    // away from x, where |x - rec| has its kink
    for (std::int64_t i = 0; i < rec.size(); ++i)
        rec.data()[i] = x.data()[i] + (rec.data()[i] > 0 ? 0.5f : -0.5f);
    // beside a loss of some hundreds, a change in the posterior loses digits
    CHECK(gradients_agree(of_rec_and_moments, {rec, noise({1, 4, 1, 2}, 3)}, 5e-3) == "");
    const auto of_logvar = [&](Inputs) {
        return loss.generator(x, rec, vae::DiagonalGaussian(noise({1, 4, 1, 2}, 3)), 0).loss;
    };
    CHECK(gradients_agree(of_logvar, {loss.logvar()}) == "");
}

TEST_CASE("the generator's loss does not train the discriminator, and the other way round") {
    const io::Json json = kl_config({{"disc_start", 0}});
    SmallLoss small(json);
    auto loss = kl_loss(small, json);
    const Tensor w = small.checkpoint.root().get("discriminator.main.0.weight", {64, 3, 4, 4});
    Tape tape;
    tape.watch(w);
    tape.watch(small.rec);
    const train::LastLayer last{tape, small.rec};
    const auto g = loss.generator(small.x, small.rec, small.posterior, 1, &last);
    const Gradients of_g = tape.backward(g.loss, one);
    CHECK(close(of_g.of(w), Tensor::zeros(w.shape()), 0.0) == "");
    CHECK(close(of_g.of(small.rec), Tensor::zeros(small.rec.shape()), 1e-3) != "");

    const auto d = loss.discriminator(small.x, small.rec, 1);
    const Gradients of_d = tape.backward(d.loss, one);
    CHECK(close(of_d.of(w), Tensor::zeros(w.shape()), 1e-6) != "");
    CHECK(close(of_d.of(small.rec), Tensor::zeros(small.rec.shape()), 0.0) == "");
    train::NLayerDiscriminator discriminator(
        small.checkpoint.root() / "discriminator",
        train::AdversarialLoss::Config::from_json(json).discriminator);
    const Tensor real = discriminator(small.x, Mode::train),
                 fake = discriminator(small.rec, Mode::train);
    CHECK(d.disc_loss == Approx(0.5f * train::hinge_d_loss(real, fake).item()));
    CHECK(d.logits_real == Approx(ops::mean(real).item()));
    CHECK(d.logits_fake == Approx(ops::mean(fake).item()));
}

TEST_CASE("without a tape there is no adaptive weight, as in upstream's validation") {
    const io::Json json = kl_config({{"disc_start", 0}});
    SmallLoss small(json);
    auto loss = kl_loss(small, json);
    CHECK(loss.generator(small.x, small.rec, small.posterior, 1).d_weight == 0.0f);
    Tape tape;
    const train::LastLayer last{tape, noise({3, 3, 1, 1}, 1)};
    const auto g = loss.generator(small.x, small.rec, small.posterior, 1, &last, Mode::eval);
    CHECK(g.d_weight == 0.0f);
    CHECK(g.g_loss != 0.0f);
}

TEST_CASE("with idle_before_start a discriminator is not evaluated before disc_start") {
    const io::Json json = kl_config({{"idle_before_start", true}});
    SmallLoss small(json);
    auto loss = kl_loss(small, json);
    const Tensor mean = small.checkpoint.root().get("discriminator.main.3.running_mean", {128});
    Tape tape;
    tape.watch(small.rec);
    const train::LastLayer last{tape, small.rec};
    const auto g = loss.generator(small.x, small.rec, small.posterior, 4, &last);
    const auto d = loss.discriminator(small.x, small.rec, 4);
    CHECK(g.g_loss == 0.0f);
    CHECK(g.d_weight == 0.0f);
    CHECK(g.total_loss == Approx(g.nll_loss + 0.25f * g.kl_loss));
    CHECK(d.disc_loss == 0.0f);
    CHECK(close(mean, Tensor::zeros({128}), 0.0) == "");
    CHECK(loss.generator(small.x, small.rec, small.posterior, 5, &last).d_weight > 0.0f);
    CHECK(close(mean, Tensor::zeros({128}), 0.0) != "");
}

TEST_CASE("the loss of VQModel takes means, and l1 or l2") {
    const io::Json json = {{"disc_start", 100}, {"disc_num_layers", 1},
                           {"disc_ndf", 4},     {"perceptual_weight", 0},
                           {"n_classes", 4},    {"codebook_weight", 0.5}};
    SmallLoss small(json);
    const Tensor difference = small.x - small.rec, cb = Tensor::from({2}, {1.0f, 3.0f});
    const Tensor indices = Tensor::ints({4}, std::vector<std::int32_t>{0, 0, 3, 3});
    for (const char* pixel_loss : {"l1", "l2"}) {
        io::Json changed = json;
        changed["pixel_loss"] = pixel_loss;
        train::VQLPIPSWithDiscriminator loss(
            small.checkpoint.root(), train::VQLPIPSWithDiscriminator::Config::from_json(changed));
        const auto g = loss.generator(cb, small.x, small.rec, 1, nullptr, indices);
        const Tensor r =
            std::string(pixel_loss) == "l1" ? ops::abs(difference) : ops::square(difference);
        CHECK(g.rec_loss == Approx(ops::mean(r).item()));
        CHECK(g.nll_loss == g.rec_loss);
        CHECK(g.p_loss == 0.0f);
        CHECK(g.quant_loss == 2.0f);
        CHECK(g.total_loss == Approx(g.nll_loss + 0.5f * 2.0f));
        CHECK(g.codebook_use->perplexity == Approx(2.0));
        CHECK_FALSE(loss.generator(cb, small.x, small.rec, 1).codebook_use);
    }
}

TEST_CASE("settings of the losses that are not supported are named") {
    const auto kl = [](const io::Json& changes) {
        return train::LPIPSWithDiscriminator::Config::from_json(kl_config(changes));
    };
    CHECK_NOTHROW(kl(io::Json::object()));
    CHECK_THROWS_WITH(kl({{"disc_loss", "wgan"}}), has_text("'disc_loss'"));
    CHECK_THROWS_WITH(kl({{"disc_conditional", true}}), has_text("'disc_conditional'"));
    CHECK_THROWS_WITH(kl({{"kl_weight", "small"}}), has_text("'kl_weight'"));
    CHECK_THROWS_WITH(train::LPIPSWithDiscriminator::Config::from_json(io::Json::object()),
                      has_text("'disc_start'"));
    const auto vq = [](const io::Json& changes) {
        io::Json json = {{"disc_start", 0}};
        json.update(changes);
        return train::VQLPIPSWithDiscriminator::Config::from_json(json);
    };
    CHECK_NOTHROW(vq({{"perceptual_loss", "lpips"}, {"n_classes", nullptr}}));
    CHECK_THROWS_WITH(vq({{"pixel_loss", "l3"}}), has_text("'pixel_loss'"));
    CHECK_THROWS_WITH(vq({{"perceptual_loss", "clips"}}), has_text("'perceptual_loss'"));
    SmallLoss small(kl_config());
    CHECK_THROWS_WITH(kl_loss(small, kl_config({{"perceptual_weight", -1.0}})),
                      has_text("'perceptual_weight'"));
}
