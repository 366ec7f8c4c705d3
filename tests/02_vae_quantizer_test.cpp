#include "chapters/02_vae/vq_model.h"
#include "common/autograd/tape.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "tests/support/catch.h"
#include "tests/support/stored_model.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::noise;

namespace {

using Config = vae::VectorQuantizer2::Config;

/// A quantizer with that codebook; the tensor stays in sight.
struct Quantizer {
    Tensor codebook;
    nn::Checkpoint checkpoint;
    vae::VectorQuantizer2 quantize;

    Quantizer(const Tensor& codebook, Config config)
        : codebook(codebook),
          quantize((checkpoint.add("embedding.weight", codebook), checkpoint.root()), config) {
        checkpoint.check("the codebook");
    }
};

std::vector<std::int32_t> numbers(const Tensor& x) { return {x.ints(), x.ints() + x.size()}; }

}  // namespace

TEST_CASE("every vector is replaced by the nearest entry, row by row of the latent") {
    const Quantizer q(Tensor::from({3, 2}, {0, 0, 1, 1, -2, 3}), {.n_e = 3, .e_dim = 2});
    // one latent of 1 x 3 pixels: (0.9, 0.8), (-0.1, 0.2), (-1, 2)
    const Tensor z = Tensor::from({1, 2, 1, 3}, {0.9f, -0.1f, -1, 0.8f, 0.2f, 2});
    const auto [z_q, loss, indices] = q.quantize(z);
    CHECK(numbers(indices) == std::vector<std::int32_t>{1, 0, 2});
    CHECK(close(z_q, Tensor::from({1, 2, 1, 3}, {1, 0, -2, 1, 0, 3}), 1e-6) == "");
    CHECK(close(q.quantize.get_codebook_entry(indices, 1, 1, 3), z_q, 1e-6) == "");
    const double distance = (0.01 + 0.04 + 0.01 + 0.04 + 1 + 1) / 6;
    CHECK(loss.item() == Approx(1.25 * distance));
}

TEST_CASE("indices come as a list or in the shape of the latent") {
    const Tensor codebook = noise({5, 4}, 1), z = noise({2, 4, 3, 6}, 2);
    const Quantizer flat(codebook, {.n_e = 5, .e_dim = 4});
    const Quantizer pages(codebook, {.n_e = 5, .e_dim = 4, .sane_index_shape = true});
    CHECK(flat.quantize(z).indices.shape() == Shape{36});
    CHECK(pages.quantize(z).indices.shape() == Shape{2, 3, 6});
    CHECK(numbers(flat.quantize(z).indices) == numbers(pages.quantize(z).indices));
    CHECK(close(pages.quantize.get_codebook_entry(pages.quantize(z).indices, 2, 3, 6),
                pages.quantize(z).z_q, 1e-6) == "");
}

TEST_CASE("straight-through estimator: the gradient of z_q is that of z") {
    const Quantizer q(noise({5, 4}, 1), {.n_e = 5, .e_dim = 4});
    const Tensor z = noise({2, 4, 3, 2}, 2), dy = noise({2, 4, 3, 2}, 3);
    Tape tape;
    tape.watch(z), tape.watch(q.codebook);
    const auto [z_q, loss, indices] = q.quantize(z);
    const Gradients gradients = tape.backward(z_q, dy);
    CHECK(close(gradients.of(z), dy, 0.0) == "");
    CHECK(close(gradients.of(q.codebook), Tensor::zeros({5, 4}), 0.0) == "");
}

TEST_CASE("the loss moves latents and entries towards each other; legacy has beta on the entries") {
    const float beta = 0.3f;
    const bool legacy = GENERATE(true, false);
    const Quantizer q(noise({5, 4}, 1), {.n_e = 5, .e_dim = 4, .beta = beta, .legacy = legacy});
    const Tensor z = noise({2, 4, 3, 2}, 2);
    Tape tape;
    tape.watch(z), tape.watch(q.codebook);
    const auto [z_q, loss, indices] = q.quantize(z);
    const Gradients gradients = tape.backward(loss, Tensor::scalar(1.0f));

    const Tensor gradient = (z - z_q) * (2.0f / 48.0f);
    CHECK(close(gradients.of(z), (legacy ? 1.0f : beta) * gradient, 1e-6) == "");
    Tensor expected = Tensor::zeros({5, 4});
    const Tensor rows = ops::permute(gradient, {0, 2, 3, 1});
    for (std::int64_t i = 0; i < indices.size(); ++i)
        for (int c = 0; c < 4; ++c)
            expected.data()[4 * indices.ints()[i] + c] -=
                (legacy ? beta : 1.0f) * rows.data()[4 * i + c];
    CHECK(close(gradients.of(q.codebook), expected, 1e-6) == "");
}

TEST_CASE("a new codebook lies close around 0") {
    random::TorchGenerator generator(3);
    const Tensor codebook = vae::new_codebook(50, 40, generator);
    CHECK(codebook.shape() == Shape{50, 40});
    const auto [least, most] = std::ranges::minmax(codebook.values());
    CHECK(least >= -1.0f / 50);
    CHECK(most < 1.0f / 50);
    CHECK(most - least > 1.9f / 50);
    CHECK(std::abs(ops::mean(codebook).item()) < 1e-3f);
}

TEST_CASE("a latent of another width is an error") {
    const Quantizer q(noise({5, 4}, 1), {.n_e = 5, .e_dim = 4});
    CHECK_THROWS_WITH(q.quantize(noise({1, 3, 2, 2}, 2)), test::has_text("expected [1, 4, 2, 2]"));
}

// ---- the autoencoder around it

namespace {

vae::VQModel::Config stored_config(const test::StoredModel& stored) {
    return {.ddconfig = vae::Config::from_json(stored.config().at("ddconfig")),
            .n_embed = stored.config().at("n_embed"),
            .embed_dim = stored.config().at("embed_dim")};
}

}  // namespace

TEST_CASE("a VQModel makes a grid of indices and a picture of the old size") {
    test::StoredModel stored("02_vae/VQModel.no_attention_odd");
    const auto config = stored_config(stored);
    const vae::VQModel model(stored.params(), config);
    const Tensor x = noise({1, 3, 8, 12}, 1);
    const auto [quant, loss, indices] = model.encode(x);
    CHECK(quant.shape() == Shape{1, config.embed_dim, 4, 6});
    CHECK(indices.shape() == Shape{24});
    CHECK(model.decode(quant).shape() == x.shape());
    // what has been quantised stays as it is
    CHECK(close(model.quantize()(quant).z_q, quant, 1e-6) == "");

    const vae::VQModelInterface first_stage(stored.params(), config);
    CHECK(close(first_stage.encode(x), model.encode_to_prequant(x), 0.0) == "");
    CHECK(close(first_stage.decode(first_stage.encode(x)), model.decode(quant), 1e-6) == "");
    CHECK(close(first_stage.decode(first_stage.encode(x), true), model.decode(quant), 1e-3) != "");
}

TEST_CASE("an entry of a codebook has no variance") {
    test::StoredModel stored("02_vae/VQModel.no_attention_odd");
    auto config = stored_config(stored);
    config.ddconfig.double_z = true;
    nn::Checkpoint none;
    CHECK_THROWS_WITH(vae::VQModel(none.root(), config), test::has_text("'double_z'"));
}
