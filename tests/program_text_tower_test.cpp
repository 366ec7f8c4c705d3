// ldm txt2img with a model whose text encoder is not CLIP's.

#include <map>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/12_conditioners/bert_embedder.h"
#include "common/image/image.h"
#include "common/io/json.h"
#include "common/io/safetensors.h"
#include "common/ops/elementwise.h"
#include "tests/support/program.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::Folder;
using test::has_text;
using test::run;

namespace {

io::Json small_settings() {
    return io::parse_json(R"({
      "format": "ldm-model v1", "image_size": 16, "beta_schedule": "linear",
      "linear_start": 0.00085, "linear_end": 0.012, "timesteps": 1000, "parameterization": "eps",
      "scale_factor": 0.5, "conditioning_key": "crossattn",
      "unet_config": {
        "image_size": 8, "in_channels": 4, "out_channels": 4, "model_channels": 32,
        "attention_resolutions": [1], "num_res_blocks": 1, "channel_mult": [1], "num_heads": 2,
        "use_spatial_transformer": true, "transformer_depth": 1, "context_dim": 24,
        "legacy": false},
      "first_stage_config": {"embed_dim": 4, "ddconfig": {
        "double_z": true, "z_channels": 4, "resolution": 16, "in_channels": 3, "out_ch": 3,
        "ch": 32, "ch_mult": [1, 1], "num_res_blocks": 1, "attn_resolutions": [],
        "attn_type": "none"}},
      "cond_stage_config": {"target": "ldm.modules.encoders.modules.BERTEmbedder",
        "params": {"n_embed": 24, "n_layer": 1, "vocab_size": 7, "max_seq_len": 6}},
      "sampler": {"name": "ddim", "steps": 2, "cfg_scale": 5.0}
    })",
                          "a small model");
}

/// Networks of these settings, with weights that are noise, as a model folder.
void write_model(const Folder& folder, const io::Json& settings) {
    std::map<std::string, Tensor> weights;
    nn::Checkpoint asked;
    asked.add_fallback([&](const std::string& name, const Shape& shape) {
        return weights[name] = 0.2f * test::noise(shape, weights.size());
    });
    const auto spec = pipeline::spec_from_settings(settings, "small");
    spec.expect_supported("the model");
    const unet::DiffusionWrapper unet(asked.root() / "model", spec.unet, spec.conditioning);
    const pipeline::FirstStageDecoder decoder(asked.root() / "first_stage_model", spec.first_stage,
                                              spec.scale_factor);
    const conditioners::BERTEmbedder embedder(
        asked.root() / "cond_stage_model",
        conditioners::BERTEmbedder::Config::from_json(spec.text_tower.value().settings));
    std::vector<io::TensorEntry> entries;
    for (const auto& [name, x] : weights)
        entries.push_back(io::entry_of(name, x.shape(), x.values()));
    io::write_safetensors(folder / "model.safetensors", entries);
    io::write_json(folder / "config.json", settings);
    test::write_bytes(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\ncat\nred\n,\n");
}

}  // namespace

TEST_CASE("a model with BERT's tokenizer draws what its words say") {
    const Folder model, files;
    write_model(model, small_settings());
    const auto draw = [&](const std::string& prompt, const std::string& name) {
        const auto outcome = run("txt2img --model " + model.path().string() + " --prompt '" +
                                 prompt + "' --output " + files / name);
        INFO(outcome.output);
        REQUIRE(outcome.status == 0);
        return image::load_image(files / name);
    };
    const image::Image cat = draw("Cat", "a.png");
    CHECK(draw("cat", "b.png") == cat);
    CHECK_FALSE(draw("red", "c.png") == cat);
    // weights, and more words than the encoder reads at once
    CHECK_FALSE(draw("(cat:1.5)", "d.png") == cat);
    CHECK_FALSE(draw("cat, red, cat, red, cat", "e.png") == cat);
    CHECK(run("inspect " + model.path().string()).status == 0);
}

TEST_CASE("a text encoder or a vocabulary that does not fit is refused in a sentence") {
    const Folder model, folder;
    write_model(model, small_settings());
    const std::string draw = "txt2img --model " + model.path().string() + " --output " +
                             folder / "a.png" + " --prompt cat";
    check_refused(run(draw + " --clip-skip 2"), "clip skip 2", folder);
    test::write_bytes(model / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\ncat\n");
    check_refused(run(draw), "has 5 tokens, the text encoder 7", folder);
    io::Json settings = small_settings();
    settings["cond_stage_config"]["target"] = "ldm.modules.encoders.modules.FrozenT5Embedder";
    io::write_json(model / "config.json", settings);
    check_refused(run(draw), "FrozenT5Embedder", folder);
}
