#include "chapters/02_vae/verify_quantizer.h"

#include "chapters/02_vae/vq_model.h"

namespace ldm::vae {
namespace {

void quantizers(verify::Run& run) {
    io::expect_only_keys(run.config(), {"parts"}, "VectorQuantizer2");
    const auto parts = io::get<io::Json>(run.config(), "parts");
    for (const auto& [name, part] : parts.items()) {
        io::expect_only_keys(part, {"n_e", "e_dim", "beta", "legacy", "sane_index_shape"}, name);
        const VectorQuantizer2 quantize(
            run.params() / name, {.n_e = io::get<int>(part, "n_e"),
                                  .e_dim = io::get<int>(part, "e_dim"),
                                  .beta = io::get<float>(part, "beta"),
                                  .legacy = io::get_or(part, "legacy", true),
                                  .sane_index_shape = io::get_or(part, "sane_index_shape", false)});
        const auto [z_q, loss, indices] = quantize(run.in("z"));
        run.out(name + ".z_q", z_q);
        run.out(name + ".loss", loss);
        run.out(name + ".indices", indices);
    }
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
    registry["VQModel"] = vq_model;
    registry["VQModelInterface"] = vq_model_interface;
}

}  // namespace ldm::vae
