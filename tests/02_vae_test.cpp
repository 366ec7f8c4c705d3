#include <algorithm>
#include <cmath>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/02_vae/verify.h"
#include "common/autograd/tape.h"
#include "common/autograd/trace.h"
#include "common/nn/recipe.h"
#include "common/ops/elementwise.h"
#include "common/ops/linear_attention.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/verify/case.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::noise;

namespace {

/// The autoencoder of a stored case: weights by recipe, two levels, factor 2, four latent channels.
struct Stored {
    verify::Case file{LDM_SOURCE_DIR "/reference_data/02_vae/AutoencoderKL.plain.safetensors"};
    vae::Config config = vae::Config::from_json(file.config().at("ddconfig"));
    int embed_dim = file.config().at("embed_dim");
    nn::Checkpoint checkpoint;
    Stored() { nn::add_recipe(checkpoint, file.recipe().value()); }
};

vae::DiagonalGaussian gaussian(const Tensor& mean, const Tensor& logvar) {
    return vae::DiagonalGaussian(ops::concat({mean, logvar}, 1));
}

/// A kernel of 3 x 3 that hands through the pixel at one of its places.
nn::Checkpoint& pick(nn::Checkpoint& weights, int row, int column) {
    std::vector<float> kernel(9, 0.0f);
    kernel[3 * row + column] = 1.0f;
    weights.add("conv.weight", Tensor::from({1, 1, 3, 3}, kernel));
    weights.add("conv.bias", Tensor::zeros({1}));
    return weights;
}

}  // namespace

TEST_CASE("every stored case of chapter 02") {
    verify::Registry registry;
    vae::register_components(registry);
    for (const char* name :
         {"AutoencoderKL", "Decoder", "ResnetBlock", "AttnBlock", "LinAttnBlock",
          "DiagonalGaussianDistribution", "VectorQuantizer2", "VQModel", "VQModelInterface"})
        CHECK(registry.contains(name));
    test::check_cases("02_vae", registry);
}

// ---- the Gaussian

TEST_CASE("the divergence of the standard normal from itself is 0") {
    const auto standard = gaussian(Tensor::zeros({2, 3, 4, 5}), Tensor::zeros({2, 3, 4, 5}));
    CHECK(close(standard.kl(), Tensor::zeros({2}), 0.0) == "");
    CHECK(close(standard.std(), Tensor::full({2, 3, 4, 5}, 1.0f), 0.0) == "");
}

TEST_CASE("the divergence against another Gaussian") {
    const auto p = gaussian(noise({2, 3, 4, 1}, 1), noise({2, 3, 4, 1}, 2));
    const auto q = gaussian(noise({2, 3, 4, 1}, 3), noise({2, 3, 4, 1}, 4));
    const auto standard = gaussian(Tensor::zeros({2, 3, 4, 1}), Tensor::zeros({2, 3, 4, 1}));
    CHECK(close(p.kl(p), Tensor::zeros({2}), 1e-5) == "");
    CHECK(close(p.kl(standard), p.kl(), 1e-5) == "");
    CHECK(close(p.kl(q),
                ops::sum_per_sample(vae::normal_kl(p.mean(), p.logvar(), q.mean(), q.logvar())),
                1e-4) == "");
    CHECK(p.kl(q).values()[0] > 0.0f);
    CHECK(q.kl(p).values()[0] != Approx(p.kl(q).values()[0]));
}

TEST_CASE("the divergence is what sampling says: the mean of log p(z) - log q(z) over z from p") {
    const int points = 20000;
    const auto spread = [&](float value) { return Tensor::full({points, 1, 1, 1}, value); };
    const auto p = gaussian(spread(0.3f), spread(-0.5f)), q = gaussian(spread(-0.2f), spread(0.4f));
    const Tensor z = p.sample(noise({points, 1, 1, 1}, 5));
    CHECK(ops::mean(q.nll(z) - p.nll(z)).item() == Approx(p.kl(q).values()[0]).margin(0.01));
}

TEST_CASE("a sample is the mean, moved by the noise, and the gradient goes through it") {
    const Tensor mean = noise({1, 2, 2, 2}, 6), logvar = noise({1, 2, 2, 2}, 7),
                 e = noise({1, 2, 2, 2}, 8);
    CHECK(close(gaussian(mean, logvar).sample(Tensor::zeros({1, 2, 2, 2})), mean, 0.0) == "");
    Tape tape;
    tape.watch(mean), tape.watch(logvar);
    const Tensor z = gaussian(mean, logvar).sample(e);
    const auto gradients = tape.backward(z, Tensor::full({1, 2, 2, 2}, 1.0f));
    CHECK(close(gradients.of(mean), Tensor::full({1, 2, 2, 2}, 1.0f), 1e-6) == "");
    CHECK(close(gradients.of(logvar), 0.5f * ops::exp(0.5f * logvar) * e, 1e-6) == "");
}

TEST_CASE("log-variances are clamped to [-30, 20]") {
    const auto extreme =
        gaussian(Tensor::zeros({1, 2, 1, 1}), Tensor::from({1, 2, 1, 1}, {-100, 100}));
    CHECK(close(extreme.logvar(), Tensor::from({1, 2, 1, 1}, {-30, 20}), 0.0) == "");
    const vae::DiagonalGaussian fixed(noise({2, 4, 3, 3}, 9), true);
    CHECK(close(fixed.sample(noise({2, 2, 3, 3}, 10)), fixed.mode(), 0.0) == "");
    CHECK(close(fixed.kl(), Tensor::zeros({2}), 0.0) == "");
    CHECK_THROWS_AS(vae::DiagonalGaussian(noise({1, 3, 2, 2}, 11)), Error);
}

// ---- the blocks

TEST_CASE("the zero row and column of Downsample stand at the bottom and on the right only") {
    const Tensor x =
        Tensor::from({1, 1, 4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
    nn::Checkpoint first, last;
    CHECK(close(vae::Downsample(pick(first, 0, 0).root(), 1, true)(x),
                Tensor::from({1, 1, 2, 2}, {1, 3, 9, 11}), 0.0) == "");
    CHECK(close(vae::Downsample(pick(last, 2, 2).root(), 1, true)(x),
                Tensor::from({1, 1, 2, 2}, {11, 0, 0, 0}), 0.0) == "");
    nn::Checkpoint odd;
    CHECK(vae::Downsample(pick(odd, 1, 1).root(), 1, true)(noise({1, 1, 7, 5}, 1)).shape() ==
          Shape{1, 1, 3, 2});
}

TEST_CASE("attention is equivariant: pixels permuted in are pixels permuted out") {
    nn::Checkpoint weights;
    for (const char* key : {"q", "k", "v", "proj_out"}) {
        weights.add(key + std::string(".weight"), noise({32, 32, 1, 1}, key[0], 0.2f));
        weights.add(key + std::string(".bias"), noise({32}, key[0] + 1));
    }
    weights.add("norm.weight", noise({32}, 1));
    weights.add("norm.bias", noise({32}, 2));
    const vae::AttnBlock attention(weights.root(), 32);
    const Tensor x = noise({1, 32, 3, 5}, 3);
    const auto turned = [](const Tensor& y) { return ops::permute(y, {0, 1, 3, 2}); };
    CHECK(close(attention(turned(x)), turned(attention(x)), 1e-5) == "");
}

TEST_CASE("linear attention is its equation, number by number") {
    const int d = 3, e = 2, pixels = 5;
    const Tensor q = noise({1, 1, d, pixels}, 1), k = noise({1, 1, d, pixels}, 2),
                 v = noise({1, 1, e, pixels}, 3);
    std::vector<float> expected(e * pixels, 0.0f);
    for (int i = 0; i < d; ++i) {
        double total = 0;
        for (int p = 0; p < pixels; ++p) total += std::exp(k.data()[i * pixels + p]);
        for (int j = 0; j < e; ++j) {
            double summary = 0;
            for (int p = 0; p < pixels; ++p)
                summary += std::exp(k.data()[i * pixels + p]) / total * v.data()[j * pixels + p];
            for (int p = 0; p < pixels; ++p)
                expected[j * pixels + p] += static_cast<float>(summary * q.data()[i * pixels + p]);
        }
    }
    CHECK(close(ops::linear_attention(q, k, v), Tensor::from({1, 1, e, pixels}, expected), 1e-6) ==
          "");
    CHECK(test::gradients_agree(
              [](const std::vector<Tensor>& in) {
                  return ops::linear_attention(in[0], in[1], in[2]);
              },
              {q, k, v}) == "");
    CHECK_THROWS_AS(ops::linear_attention(q, noise({1, 1, d, 4}, 4), v), Error);
}

// ---- the whole

TEST_CASE("an autoencoder makes a small latent and a picture of the old size") {
    Stored stored;
    const vae::AutoencoderKL autoencoder(stored.checkpoint.root(), stored.config, stored.embed_dim);
    stored.checkpoint.check("the case");
    CHECK(stored.checkpoint.unused().empty());
    const auto posterior = autoencoder.encode(noise({2, 3, 12, 6}, 1));
    CHECK(posterior.mean().shape() == Shape{2, stored.embed_dim, 6, 3});
    CHECK(autoencoder.decode(posterior.mode()).shape() == Shape{2, 3, 12, 6});
}

TEST_CASE("a picture's result does not depend on the rest of the batch") {
    Stored stored;
    const vae::AutoencoderKL autoencoder(stored.checkpoint.root(), stored.config, stored.embed_dim);
    const Tensor x = noise({2, 3, 8, 8}, 2);
    const Tensor second = ops::slice(x, 0, 1, 2);
    const Tensor together = autoencoder.decode(autoencoder.encode(x).mode());
    CHECK(close(ops::slice(together, 0, 1, 2),
                autoencoder.decode(autoencoder.encode(second).mode()), 0.0) == "");
}

TEST_CASE("decoding needs the decoder's weights only") {
    Stored stored;
    nn::Checkpoint half;
    for (const auto& [name, tensor] : stored.checkpoint.load_all())
        if (name.starts_with("decoder.") || name.starts_with("post_quant_conv."))
            half.add(name, tensor);
    const vae::LatentDecoder decoder(half.root(), stored.config, stored.embed_dim);
    half.check("the decoder's half");
    CHECK(half.unused().empty());
    const Tensor z = noise({1, stored.embed_dim, 3, 4}, 3);
    CHECK(
        close(
            decoder(z),
            vae::AutoencoderKL(stored.checkpoint.root(), stored.config, stored.embed_dim).decode(z),
            0.0) == "");
}

TEST_CASE("the decoder executes up.0 last") {
    Stored stored;
    const vae::LatentDecoder decoder(stored.checkpoint.root(), stored.config, stored.embed_dim);
    const Trace trace;
    decoder(noise({1, stored.embed_dim, 3, 4}, 4));
    CHECK(trace.find("decoder.up.1.block.0").dim(2) == 3);
    CHECK(trace.find("decoder.up.1.upsample").dim(2) == 6);
    CHECK(trace.find("decoder.up.0.block.0").dim(2) == 6);
    CHECK_FALSE(trace.find("decoder.up.0.upsample"));
}

TEST_CASE("attention goes by the nominal resolution, whatever the size of the picture") {
    Stored stored;
    auto config = stored.config;
    const auto asks_for_attention = [&](int level) {
        nn::Checkpoint checkpoint;
        const std::string path = "encoder.down." + std::to_string(level) + ".attn.0.norm.weight";
        checkpoint.add(path, noise({config.width(level)}, 1));
        const vae::LatentEncoder encoder(checkpoint.root(), config, stored.embed_dim);
        return checkpoint.unused().empty();
    };
    config.attn_resolutions = {config.resolution / 2};
    CHECK_FALSE(asks_for_attention(0));
    CHECK(asks_for_attention(1));
    config.attn_type = vae::AttnType::none;
    CHECK_FALSE(asks_for_attention(1));
}

TEST_CASE("settings that are not supported are named") {
    const io::Json good = Stored().file.config().at("ddconfig");
    const auto with = [&](const char* key, const io::Json& value) {
        io::Json changed = good;
        changed[key] = value;
        return changed;
    };
    CHECK_NOTHROW(vae::Config::from_json(good));
    CHECK_THROWS_WITH(vae::Config::from_json(with("attn_type", "quadratic")),
                      test::has_text("'attn_type'"));
    CHECK_THROWS_WITH(vae::Config::from_json(with("attention", 1)), test::has_text("'attention'"));
    CHECK_THROWS_WITH(vae::Config::from_json(with("ch_mult", io::Json::array())),
                      test::has_text("'ch_mult'"));
    CHECK_THROWS_WITH(vae::Config::from_json(with("ch", "wide")), test::has_text("'ch'"));

    // sizes whose products overflow, or that would ask for all memory
    CHECK_THROWS_WITH(vae::Config::from_json(with("ch", 1'000'000'000)),
                      "'ch' must be from 1 to 16384, got 1000000000");
    CHECK_THROWS_WITH(vae::Config::from_json(with("ch_mult", {1, 1000})),
                      test::has_text("'ch' times 'ch_mult' must be at most 16384"));
    CHECK_THROWS_WITH(vae::Config::from_json(with("ch_mult", std::vector<int>(40, 1))),
                      "'ch_mult' must have at most 16 entries, got 40");
    CHECK_THROWS_WITH(vae::Config::from_json(with("num_res_blocks", 2147483647)),
                      test::has_text("'num_res_blocks' must be from 1 to 64"));

    nn::Checkpoint none;
    CHECK_THROWS_WITH(
        vae::AutoencoderKL(none.root(), vae::Config::from_json(with("double_z", false)), 4),
        test::has_text("'double_z'"));
}
