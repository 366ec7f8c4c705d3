// Codebooks that are remapped, drawn from or averaged, and the helpers of the autoencoder.

#include <cmath>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/02_vae/codebooks/ema_vector_quantizer.h"
#include "chapters/02_vae/codebooks/gumbel_vq.h"
#include "chapters/02_vae/codebooks/one_hot.h"
#include "chapters/02_vae/dirac.h"
#include "chapters/02_vae/helpers/first_stage_post_processor.h"
#include "chapters/02_vae/helpers/merged_rescale.h"
#include "chapters/02_vae/helpers/resize.h"
#include "chapters/02_vae/helpers/upsample_decoder.h"
#include "chapters/02_vae/helpers/upsampler.h"
#include "chapters/02_vae/identity_first_stage.h"
#include "chapters/02_vae/vq_model.h"
#include "common/autograd/tape.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::has_text;
using test::noise;
using vae::IndexRemap;

namespace {

std::vector<std::int32_t> numbers(const Tensor& x) { return {x.ints(), x.ints() + x.size()}; }

Tensor ints(std::vector<std::int32_t> values) {
    return Tensor::ints({static_cast<std::int64_t>(values.size())}, values);
}

/// Weights that stay in sight.
struct Weights {
    std::map<std::string, Tensor> tensors;
    nn::Checkpoint checkpoint;

    explicit Weights(std::map<std::string, Tensor> given) : tensors(std::move(given)) {
        for (const auto& [name, w] : tensors) checkpoint.add(name, w);
    }
    nn::Params root() { return checkpoint.root(); }
    const Tensor& at(const std::string& name) const { return tensors.at(name); }
};

/// For networks of which only the shapes count.
nn::Checkpoint& anything(nn::Checkpoint& checkpoint) {
    checkpoint.add_fallback(
        [](const std::string&, const Shape& shape) { return noise(shape, 1, 0.05f); });
    return checkpoint;
}

}  // namespace

// ---- indices

TEST_CASE("remapped indices come back; an unknown one is drawn, one more, or fixed", "[remap]") {
    const Tensor old = ints({4, 0, 2, 4, 1, 3});
    const std::vector<std::int32_t> used = {2, 4};
    using Unknown = IndexRemap::Config::Unknown;

    const IndexRemap extra({.used = used, .unknown = Unknown::extra}, 5);
    CHECK(extra.count() == 3);
    CHECK(numbers(extra.to_used(old)) == std::vector<std::int32_t>{1, 2, 0, 1, 2, 2});
    CHECK(numbers(extra.to_all(extra.to_used(old))) == std::vector<std::int32_t>{4, 2, 2, 4, 2, 2});

    const IndexRemap random({.used = used}, 5);
    CHECK(random.count() == 2);
    CHECK(numbers(random.to_used(old, ints({1, 0, 1}))) ==
          std::vector<std::int32_t>{1, 1, 0, 1, 0, 1});

    const IndexRemap fixed({.used = used, .unknown = Unknown::fixed, .index = 1}, 5);
    CHECK(numbers(fixed.to_used(old)) == std::vector<std::int32_t>{1, 1, 0, 1, 1, 1});
    CHECK(fixed.to_used(old.reshape({2, 3})).shape() == Shape{2, 3});
}

TEST_CASE("a remap that cannot be is refused in a sentence", "[remap]") {
    const IndexRemap random({.used = {2, 4}}, 5);
    CHECK_THROWS_WITH(random.to_used(ints({1, 3}), ints({0})), has_text("fewer lots"));
    CHECK_THROWS_WITH(random.to_used(ints({1})), has_text("fewer lots"));
    CHECK_THROWS_WITH(random.to_used(ints({1}), ints({2})), has_text("lot 2, expected 0 to 1"));
    CHECK_THROWS_WITH(random.to_used(ints({5})), has_text("index 5 of a codebook of 5"));
    CHECK_THROWS_WITH(random.to_used(ints({-1})), has_text("index -1 of a codebook of 5"));
    CHECK_THROWS_WITH(random.to_all(ints({2})), has_text("index 2, of 2"));
    CHECK_THROWS_WITH(IndexRemap({.used = {}}, 5), has_text("at least one"));
    CHECK_THROWS_WITH(IndexRemap({.used = {5}}, 5), has_text("entry 5 of a codebook of 5"));
    CHECK_THROWS_WITH(IndexRemap({.used = {1, 1}}, 5), has_text("entry 1 twice"));
    CHECK_THROWS_WITH(vae::remap_in({{"remap", {1}}, {"unknown_index", "any"}}),
                      has_text("\"any\""));
    CHECK(!vae::remap_in(io::Json::object()));
    CHECK(vae::remap_in({{"remap", {1}}})->unknown == IndexRemap::Config::Unknown::random);
}

TEST_CASE("one-hot vectors, their largest, and how many entries are in use", "[codebook]") {
    const Tensor y = vae::one_hot(ints({2, 0}), 3);
    CHECK(close(y, Tensor::from({2, 3}, {0, 0, 1, 1, 0, 0}), 0.0) == "");
    CHECK(numbers(vae::argmax(y)) == std::vector<std::int32_t>{2, 0});
    CHECK(vae::argmax(noise({2, 3, 4}, 1)).shape() == Shape{2, 3});
    CHECK(numbers(vae::argmax(Tensor::from({1, 3}, {1, NAN, 2}))) == std::vector<std::int32_t>{1});
    CHECK_THROWS_WITH(vae::one_hot(ints({3}), 3), has_text("index 3, expected 0 to 2"));

    CHECK(vae::perplexity(ints({0, 1, 2, 3}), 4).item() == Approx(4));
    CHECK(vae::perplexity(ints({1, 1, 1}), 4).item() == Approx(1));
}

// ---- a codebook of averages

TEST_CASE("an entry moves to the mean of the vectors that chose it", "[ema]") {
    // nearly nothing is kept, and eps is small: what is left is k-means
    Weights weights({{"embedding.weight", Tensor::from({3, 2}, {0, 0, 10, 10, -50, 0})},
                     {"embedding.cluster_size", Tensor::zeros({3})},
                     {"embedding.embed_avg", Tensor::zeros({3, 2})}});
    vae::EMAVectorQuantizer quantize(
        weights.root(), {.n_embed = 3, .embedding_dim = 2, .decay = 1e-6f, .eps = 1e-9f});
    // pixels (1, 2), (3, 2), (9, 12)
    const Tensor z = Tensor::from({1, 2, 1, 3}, {1, 3, 9, 2, 2, 12});
    const auto found = quantize(z);
    CHECK(numbers(found.indices) == std::vector<std::int32_t>{0, 0, 1});
    quantize.update(z, found.indices);
    CHECK(close(weights.at("embedding.cluster_size"), Tensor::from({3}, {2, 1, 0}), 1e-4) == "");
    const Tensor moved = weights.at("embedding.weight");
    CHECK(close(ops::slice(moved, 0, 0, 2), Tensor::from({2, 2}, {2, 2, 9, 12}), 1e-3) == "");
    // the one that nobody chose is no NaN
    CHECK(std::isfinite(moved.data()[4]));
}

TEST_CASE("the averages forget by decay, and empty clusters are smoothed", "[ema]") {
    const float decay = 0.75f, eps = 0.5f;
    const Tensor size = Tensor::from({2}, {4, 0}), sum = noise({2, 3}, 2, 3.0f);
    Weights weights({{"embedding.weight", noise({2, 3}, 1)},
                     {"embedding.cluster_size", ops::detach(size)},
                     {"embedding.embed_avg", ops::detach(sum)}});
    vae::EMAVectorQuantizer quantize(
        weights.root(), {.n_embed = 2, .embedding_dim = 3, .decay = decay, .eps = eps});
    const Tensor z = noise({2, 3, 1, 2}, 3);
    quantize.update(z, ints({0, 0, 0, 0}));

    const Tensor expected_size = Tensor::from({2}, {0.75f * 4 + 0.25f * 4, 0});
    CHECK(close(quantize.cluster_size(), expected_size, 1e-6) == "");
    Tensor expected_sum = sum * decay;
    const Tensor total = ops::sum(z, {0, 2, 3}) * (1 - decay);
    for (int c = 0; c < 3; ++c) expected_sum.data()[c] += total.data()[c];
    CHECK(close(quantize.embed_avg(), expected_sum, 1e-5) == "");
    const float n = 4, first = (4 + eps) / (n + 2 * eps) * n, second = eps / (n + 2 * eps) * n;
    const Tensor smoothed = Tensor::from({2, 1}, {first, second});
    CHECK(close(quantize.weight(), expected_sum / smoothed, 1e-5) == "");
}

TEST_CASE("only the encoder has a loss, and z_q passes its gradient on", "[ema]") {
    Weights weights({{"embedding.weight", noise({5, 3}, 1)},
                     {"embedding.cluster_size", Tensor::full({5}, 1)},
                     {"embedding.embed_avg", noise({5, 3}, 2)}});
    const vae::EMAVectorQuantizer quantize(weights.root(),
                                           {.n_embed = 5, .embedding_dim = 3, .beta = 0.5f});
    const Tensor z = noise({1, 3, 2, 2}, 3), dy = noise({1, 3, 2, 2}, 4);
    Tape tape;
    tape.watch(z), tape.watch(weights.at("embedding.weight"));
    const auto [z_q, loss, indices] = quantize(z);
    const Gradients gradients = tape.backward({{z_q, dy}, {loss, Tensor::scalar(1)}});
    CHECK(close(gradients.of(z), dy + (0.5f * 2 / 12) * (z - z_q), 1e-6) == "");
    CHECK(close(gradients.of(weights.at("embedding.weight")), Tensor::zeros({5, 3}), 0.0) == "");
    CHECK_THROWS_WITH(quantize(noise({1, 2, 2, 2}, 1)), has_text("expected [1, 3, 2, 2]"));
}

// ---- a codebook that is drawn from

namespace {

struct Drawn {
    Weights weights;
    vae::GumbelQuantize quantize;

    explicit Drawn(const vae::GumbelQuantize::Config& config)
        : weights({{"proj.weight", noise({config.n_embed, config.num_hiddens, 1, 1}, 1)},
                   {"proj.bias", noise({config.n_embed}, 2)},
                   {"embed.weight", noise({config.n_embed, config.embedding_dim}, 3)}}),
          quantize(weights.root(), config) {}
};

}  // namespace

TEST_CASE("the Gumbel trick draws each entry as often as its probability says", "[gumbel]") {
    const Drawn drawn({.num_hiddens = 2, .embedding_dim = 3, .n_embed = 4});
    random::TorchGenerator generator(5);
    const Tensor pixel = noise({1, 2, 1, 1}, 4);
    const Tensor z = ops::broadcast_to(pixel, {1, 2, 200, 200});
    const auto found = drawn.quantize(z, vae::gumbel_noise({1, 4, 200, 200}, generator));
    const Tensor shares = ops::mean(vae::one_hot(found.indices, 4), {0, 1, 2});
    const Tensor logits = ops::slice(found.logits.reshape({4, 40000}), 1, 0, 1).reshape({4});
    CHECK(close(shares, ops::softmax(logits), 0.01) == "");
    // 40000 lots: the standard deviation of a share is at most 0.0025
}

TEST_CASE("Gumbel noise has its mean and variance", "[gumbel]") {
    random::TorchGenerator generator(7);
    const Tensor g = vae::gumbel_noise({100000}, generator);
    const float mean = ops::mean(g).item();
    CHECK(mean == Approx(0.5772).margin(0.02));
    CHECK(ops::mean(ops::square(g - mean)).item() == Approx(1.6449).margin(0.04));
}

TEST_CASE("a cold mixture is a choice, and a hot one the mean of all entries", "[gumbel]") {
    const Drawn drawn(
        {.num_hiddens = 2, .embedding_dim = 3, .n_embed = 4, .straight_through = false});
    const Tensor z = noise({1, 2, 2, 3}, 4), g = noise({1, 4, 2, 3}, 5);
    const auto cold = drawn.quantize(z, g, {.temp = 1e-3f, .training = true});
    const auto used = drawn.quantize(z, g);
    CHECK(close(cold.z_q, used.z_q, 1e-5) == "");
    CHECK(close(used.z_q, drawn.quantize.get_codebook_entry(used.indices, 1, 2, 3), 1e-6) == "");

    const auto hot = drawn.quantize(z, g, {.temp = 1e6f, .training = true});
    const Tensor mean = ops::mean(drawn.weights.at("embed.weight"), {0}).reshape({1, 3, 1, 1});
    CHECK(close(hot.z_q, ops::broadcast_to(mean, hot.z_q.shape()), 1e-5) == "");
}

TEST_CASE("straight through: the value of a choice, the gradient of the mixture", "[gumbel]") {
    const vae::GumbelQuantize::Config mixed{
        .num_hiddens = 2, .embedding_dim = 3, .n_embed = 4, .straight_through = false};
    vae::GumbelQuantize::Config hard = mixed;
    hard.straight_through = true;
    const Drawn a(mixed), b(hard);
    const Tensor z = noise({1, 2, 2, 2}, 4), g = noise({1, 4, 2, 2}, 5),
                 dy = noise({1, 3, 2, 2}, 6);
    const auto gradient = [&](const Drawn& drawn) {
        Tape tape;
        tape.watch(z);
        const auto found = drawn.quantize(z, g, {.temp = 0.7f, .training = true});
        return tape.backward(found.z_q, dy).of(z);
    };
    CHECK(close(gradient(a), gradient(b), 1e-6) == "");
    CHECK(close(a.quantize(z, g, {.training = true}).z_q, b.quantize(z, g, {.training = true}).z_q,
                1e-2) != "");
    CHECK(test::gradients_agree(
              [&](const std::vector<Tensor>& x) {
                  const auto found = a.quantize(x[0], g, {.temp = 0.7f, .training = true});
                  return ops::mean(found.z_q) + 1000.0f * found.loss;
              },
              {z}) == "");
}

TEST_CASE("the loss is 0 for a uniform distribution and log n for a sure one", "[gumbel]") {
    const auto loss_of = [](float first) {
        Weights weights({{"proj.weight", Tensor::zeros({5, 2, 1, 1})},
                         {"proj.bias", Tensor::from({5}, {first, 0, 0, 0, 0})},
                         {"embed.weight", noise({5, 3}, 1)}});
        const vae::GumbelQuantize quantize(
            weights.root(), {.num_hiddens = 2, .embedding_dim = 3, .n_embed = 5, .kl_weight = 1});
        return quantize(noise({1, 2, 3, 3}, 2), Tensor::zeros({1, 5, 3, 3})).loss.item();
    };
    CHECK(loss_of(0) == Approx(0).margin(1e-6));
    CHECK(loss_of(100) == Approx(std::log(5.0)));
}

TEST_CASE("a Gumbel codebook refuses what it cannot use", "[gumbel]") {
    const Drawn drawn({.num_hiddens = 2, .embedding_dim = 3, .n_embed = 4});
    const Tensor z = noise({1, 2, 2, 2}, 4), g = noise({1, 4, 2, 2}, 5);
    CHECK_THROWS_WITH(drawn.quantize(z, g, {.temp = 0.0f}), has_text("temperature is 0"));
    CHECK_THROWS_WITH(drawn.quantize(z, g, {.temp = NAN}), has_text("temperature"));
    CHECK_THROWS_WITH(drawn.quantize(z, noise({1, 3, 2, 2}, 5)), has_text("[1, 4, 2, 2]"));
    const Drawn few({.num_hiddens = 2,
                     .embedding_dim = 3,
                     .n_embed = 4,
                     .remap = IndexRemap::Config{.used = {3, 1}}});
    CHECK(few.quantize.choices() == 2);
    CHECK_THROWS_WITH(few.quantize(z, g), has_text("[1, 2, 2, 2]"));

    test::StoredModel stored("02_vae/GumbelVQ.odd");
    auto config = vae::GumbelVQ::Config::from_json(stored.config());
    config.ddconfig.double_z = true;
    CHECK_THROWS_WITH(vae::GumbelVQ(stored.params(), config), has_text("'double_z'"));
}

// ---- first stages

TEST_CASE("a first stage may do nothing, and a distribution may have one value") {
    const Tensor x = noise({1, 3, 4, 4}, 1);
    const vae::IdentityFirstStage nothing;
    CHECK(nothing.encode(x).id() == x.id());
    CHECK(nothing.decode(x).id() == x.id());
    CHECK(nothing.quantize(x).z_q.id() == x.id());
    CHECK(!nothing.quantize(x).loss);
    CHECK(!nothing.quantize(x).indices);
    CHECK(vae::DiracDistribution(x).sample(noise({1, 3, 4, 4}, 2)).id() == x.id());
    CHECK(vae::DiracDistribution(x).mode().id() == x.id());
}

TEST_CASE("a VQModel may give other numbers to its entries, its first stage asks for none") {
    test::StoredModel stored("02_vae/VQModel.no_attention_odd");
    vae::VQModel::Config config{.ddconfig = vae::Config::from_json(stored.config().at("ddconfig")),
                                .n_embed = stored.config().at("n_embed"),
                                .embed_dim = stored.config().at("embed_dim")};
    const vae::VQModel plain(stored.params(), config);
    const Tensor x = noise({1, 3, 8, 12}, 1);
    const auto old = plain.encode(x);
    config.remap = IndexRemap::Config{.used = {6, 5, 4, 3, 2, 1, 0}};
    const vae::VQModel turned(stored.params(), config);
    const auto found = turned.encode(x);
    for (std::int64_t i = 0; i < 24; ++i)
        CHECK(found.indices.ints()[i] == 6 - old.indices.ints()[i]);
    CHECK(close(turned.quantize().get_codebook_entry(found.indices, 1, 4, 6), found.z_q, 1e-6) ==
          "");

    config.remap = IndexRemap::Config{.used = {0}};  // unknown entries by lot
    const vae::VQModelInterface first_stage(stored.params(), config);
    CHECK(close(first_stage.decode(first_stage.encode(x)), plain.decode(old.z_q), 1e-6) == "");
}

// ---- helpers

TEST_CASE("nearest pixels at a given size, and the other methods", "[interpolation]") {
    using vae::Interpolation;
    const Tensor x = Tensor::from({1, 1, 1, 5}, {0, 1, 2, 3, 4});
    CHECK(close(vae::resized_to(x, 1, 3, Interpolation::nearest),
                Tensor::from({1, 1, 1, 3}, {0, 1, 3}), 0.0) == "");
    CHECK(close(vae::resized_to(x, 2, 10, Interpolation::nearest),
                vae::rescaled(x, 2.0, Interpolation::nearest), 0.0) == "");
    // 5.5 and 10.5 pixels, rounded down
    CHECK(close(vae::rescaled(x.reshape({1, 1, 5, 1}), 1.1, Interpolation::nearest),
                x.reshape({1, 1, 5, 1}), 0.0) == "");
    CHECK(close(vae::rescaled(x, 2.1, Interpolation::nearest),
                Tensor::from({1, 1, 2, 10}, {0, 0, 1, 1, 2, 2, 3, 3, 4, 4,  //
                                             0, 0, 1, 1, 2, 2, 3, 3, 4, 4}),
                0.0) == "");
    // 37 * (6 / 74) is 3, and in PyTorch's float32 a little less
    const Tensor six = Tensor::from({1, 1, 1, 6}, {0, 1, 2, 3, 4, 5});
    CHECK(vae::resized_to(six, 1, 74, Interpolation::nearest).data()[37] == 2);
    const Tensor picture = noise({1, 2, 6, 9}, 1);
    for (const auto method : {Interpolation::bilinear, Interpolation::bicubic, Interpolation::area})
        CHECK(close(vae::resized_to(picture, 2, 3, method), vae::rescaled(picture, 1.0 / 3, method),
                    1e-6) == "");
    CHECK_THROWS_WITH(vae::resized_to(x, 0, 3, Interpolation::nearest),
                      has_text("1 pixels cannot become 0"));

    CHECK(vae::Resize()(picture).id() == picture.id());
    CHECK(vae::Resize(Interpolation::area)(picture, 0.5).shape() == Shape{1, 2, 3, 4});
}

TEST_CASE("sizes that a rescaler gives: a half goes to the even number", "[helpers]") {
    nn::Checkpoint checkpoint;
    const vae::LatentRescaler rescale(
        anything(checkpoint).root(),
        {.factor = 1.5, .in_channels = 2, .mid_channels = 32, .out_channels = 3, .depth = 1});
    CHECK(rescale(noise({1, 2, 3, 5}, 1)).shape() == Shape{1, 3, 4, 8});
    CHECK_THROWS_WITH(
        vae::LatentRescaler(checkpoint.root(),
                            {.factor = 0, .in_channels = 2, .mid_channels = 32, .out_channels = 3}),
        has_text("'factor' is 0"));
}

TEST_CASE("an upsampler doubles until it has the size, and refuses others", "[helpers]") {
    const auto built = [](int in, int out) {
        nn::Checkpoint checkpoint;
        return vae::Upsampler(
            anything(checkpoint).root(),
            {.in_size = in, .out_size = out, .in_channels = 16, .out_channels = 3});
    };
    CHECK(built(2, 4)(noise({1, 16, 2, 2}, 1)).shape() == Shape{1, 3, 4, 4});
    for (const auto& [in, out] : std::vector<std::pair<int, int>>{{8, 20}, {8, 24}, {8, 4}, {0, 4}})
        CHECK_THROWS_WITH(built(in, out), has_text("must be 1, 2, 4"));
}

TEST_CASE("a decoder without levels and an odd latent are refused", "[helpers]") {
    nn::Checkpoint checkpoint;
    anything(checkpoint);
    CHECK_THROWS_WITH(
        vae::UpsampleDecoder(checkpoint.root(),
                             {.in_channels = 32, .out_channels = 3, .ch = 32, .ch_mult = {}}),
        has_text("'ch_mult'"));
    const auto nothing = [](const Tensor& x) { return x; };
    CHECK_THROWS_WITH(
        vae::FirstStagePostProcessor(checkpoint.root(),
                                     {.ch_mult = {1}, .in_channels = 3, .n_channels = 32}, nothing),
        has_text("'in_channels' is 3, expected an even number"));
}

TEST_CASE("a post-processor sends no gradient into its first stage", "[helpers]") {
    nn::Checkpoint checkpoint;
    const Tensor factor = Tensor::scalar(2);
    const vae::FirstStagePostProcessor process(
        anything(checkpoint).root(),
        {.ch_mult = {1}, .in_channels = 4, .n_channels = 32, .reshape = true},
        [&](const Tensor& x) { return factor * x; });
    const Tensor x = noise({1, 4, 6, 4}, 1);
    Tape tape;
    tape.watch(factor), tape.watch(x);
    const Tensor y = process(x);
    CHECK(y.shape() == Shape{1, 6, 32});
    const Gradients gradients = tape.backward(y, noise(y.shape(), 2));
    CHECK(close(gradients.of(factor), Tensor::scalar(0), 0.0) == "");
    CHECK(close(gradients.of(x), Tensor::zeros(x.shape()), 0.0) == "");
}
