#include "chapters/02_vae/verify_quantizer.h"

#include "chapters/02_vae/codebooks/ema_vector_quantizer.h"
#include "chapters/02_vae/codebooks/gumbel_vq.h"
#include "chapters/02_vae/codebooks/one_hot.h"
#include "chapters/02_vae/vq_model.h"

namespace ldm::vae {
namespace {

void quantizers(verify::Run& run) {
    io::expect_only_keys(run.config(), {"parts"}, "VectorQuantizer2");
    const auto parts = io::get<io::Json>(run.config(), "parts");
    for (const auto& [name, part] : parts.items()) {
        io::expect_only_keys(
            part, {"n_e", "e_dim", "beta", "legacy", "sane_index_shape", "remap", "unknown_index"},
            name);
        const VectorQuantizer2 quantize(
            run.params() / name, {.n_e = io::get<int>(part, "n_e"),
                                  .e_dim = io::get<int>(part, "e_dim"),
                                  .beta = io::get<float>(part, "beta"),
                                  .legacy = io::get_or(part, "legacy", true),
                                  .sane_index_shape = io::get_or(part, "sane_index_shape", false),
                                  .remap = remap_in(part)});
        const auto [z_q, loss, indices] = quantize(run.in("z"), run.find_in(name + ".lots"));
        run.out(name + ".z_q", z_q);
        run.out(name + ".loss", loss);
        run.out(name + ".indices", indices);
        if (run.wants(name + ".codebook_entry"))
            run.out(name + ".codebook_entry",
                    quantize.get_codebook_entry(indices, z_q.dim(0), z_q.dim(2), z_q.dim(3)));
    }
}

/// The older class of upstream, which also counts: its indices are a column.
void first_quantizer(verify::Run& run) {
    io::expect_only_keys(run.config(), {"n_e", "e_dim", "beta"}, "VectorQuantizer");
    const int n_e = io::get<int>(run.config(), "n_e");
    const VectorQuantizer2 quantize(run.params(), {.n_e = n_e,
                                                   .e_dim = io::get<int>(run.config(), "e_dim"),
                                                   .beta = io::get<float>(run.config(), "beta")});
    const auto [z_q, loss, indices] = quantize(run.in("z"));
    run.out("z_q", z_q);
    run.out("loss", loss);
    run.out("indices", indices.reshape({-1, 1}));
    run.out("min_encodings", one_hot(indices, n_e));
    run.out("perplexity", perplexity(indices, n_e));
}

/// Several quantizers of one latent. `temp` and `training` are arguments of the call.
void gumbel_quantizers(verify::Run& run) {
    io::expect_only_keys(run.config(), {"parts"}, "GumbelQuantize");
    const auto parts = io::get<io::Json>(run.config(), "parts");
    for (const auto& [name, part] : parts.items()) {
        io::expect_only_keys(
            part,
            {"num_hiddens", "embedding_dim", "n_embed", "straight_through", "kl_weight",
             "temp_init", "remap", "unknown_index", "temp", "training"},
            name);
        const GumbelQuantize quantize(
            run.params() / name, {.num_hiddens = io::get<int>(part, "num_hiddens"),
                                  .embedding_dim = io::get<int>(part, "embedding_dim"),
                                  .n_embed = io::get<int>(part, "n_embed"),
                                  .straight_through = io::get_or(part, "straight_through", true),
                                  .kl_weight = io::get_or(part, "kl_weight", 5e-4f),
                                  .temp_init = io::get_or(part, "temp_init", 1.0f),
                                  .remap = remap_in(part)});
        GumbelQuantize::Options options{.training = io::get_or(part, "training", false)};
        if (io::has(part, "temp")) options.temp = io::get<float>(part, "temp");
        const auto [z_q, loss, indices, logits] =
            quantize(run.in("z"), run.in(name + ".gumbel"), options);
        run.out(name + ".z_q", z_q);
        run.out(name + ".loss", loss);
        run.out(name + ".indices", indices);
        run.out(name + ".logits", logits);
        run.out(name + ".codebook_entry",
                quantize.get_codebook_entry(indices, z_q.dim(0), z_q.dim(2), z_q.dim(3)));
    }
}

void gumbel_vq(verify::Run& run) {
    const GumbelVQ model(run.params(), GumbelVQ::Config::from_json(run.config()));
    const Tensor prequant = model.encode_to_prequant(run.in("x"));
    const auto [quant, loss, indices, logits] = model.quantize()(prequant, run.in("gumbel"));
    run.out("prequant", prequant);
    run.out("quant", quant);
    run.out("loss", loss);
    run.out("indices", indices);
    run.out("dec", model.decode(quant));
}

/// One latent after the other, z0, z1, …, with the codebook moved after each if it is trained.
void ema_quantizer(verify::Run& run) {
    const io::Json& config = run.config();
    io::expect_only_keys(config,
                         {"n_embed", "embedding_dim", "beta", "decay", "eps", "training", "steps"},
                         "EMAVectorQuantizer");
    const int n_embed = io::get<int>(config, "n_embed");
    EMAVectorQuantizer quantize(run.params(),
                                {.n_embed = n_embed,
                                 .embedding_dim = io::get<int>(config, "embedding_dim"),
                                 .beta = io::get<float>(config, "beta"),
                                 .decay = io::get_or(config, "decay", 0.99f),
                                 .eps = io::get_or(config, "eps", 1e-5f)});
    const int steps = io::get_in(config, "steps", 1, 100);
    for (int step = 0; step < steps; ++step) {
        const std::string at = std::to_string(step);
        const Tensor z = run.in("z" + at);
        const auto [z_q, loss, indices] = quantize(z);
        run.out("z_q" + at, z_q);
        run.out("loss" + at, loss);
        run.out("indices" + at, indices);
        run.out("perplexity" + at, perplexity(indices, n_embed));
        if (io::get_or(config, "training", false)) quantize.update(z, indices);
    }
    run.out("weight", quantize.weight());
    run.out("cluster_size", quantize.cluster_size());
    run.out("embed_avg", quantize.embed_avg());
}

VQModel::Config vq_config(const verify::Run& run, const char* component) {
    io::expect_only_keys(run.config(), {"ddconfig", "n_embed", "embed_dim", "sane_index_shape"},
                         component);
    return {.ddconfig = Config::from_json(io::get<io::Json>(run.config(), "ddconfig")),
            .n_embed = io::get<int>(run.config(), "n_embed"),
            .embed_dim = io::get<int>(run.config(), "embed_dim"),
            .sane_index_shape = io::get_or(run.config(), "sane_index_shape", false)};
}

void vq_model(verify::Run& run) {
    const VQModel model(run.params(), vq_config(run, "VQModel"));
    const Tensor prequant = model.encode_to_prequant(run.in("x"));
    const auto [quant, emb_loss, indices] = model.quantize()(prequant);
    run.out("prequant", prequant);
    run.out("quant", quant);
    run.out("emb_loss", emb_loss);
    run.out("indices", indices);
    run.out("codebook_entry",
            model.quantize().get_codebook_entry(indices, quant.dim(0), quant.dim(2), quant.dim(3)));
    run.out("dec", model.decode(quant));
}

void vq_model_interface(verify::Run& run) {
    const VQModelInterface model(run.params(), vq_config(run, "VQModelInterface"));
    const Tensor h = model.encode(run.in("x"));
    run.out("h", h);
    run.out("dec", model.decode(h));
    run.out("dec_noquant", model.decode(run.in("z"), /*force_not_quantize=*/true));
}

}  // namespace

void register_quantizers(verify::Registry& registry) {
    registry["VectorQuantizer2"] = quantizers;
    registry["VectorQuantizer"] = first_quantizer;
    registry["GumbelQuantize"] = gumbel_quantizers;
    registry["GumbelVQ"] = gumbel_vq;
    registry["EMAVectorQuantizer"] = ema_quantizer;
    registry["VQModel"] = vq_model;
    registry["VQModelInterface"] = vq_model_interface;
}

}  // namespace ldm::vae
