#include "chapters/08_ldm_pipeline/family_settings.h"

#include "chapters/08_ldm_pipeline/published_models.h"

namespace ldm::pipeline {

io::Json sd1_settings(std::int64_t in_channels) {
    io::Json settings = io::parse_json(R"({
      "format": "ldm-model v1", "name": "Stable Diffusion 1.x", "image_size": 512,
      "beta_schedule": "linear", "linear_start": 0.00085, "linear_end": 0.012, "timesteps": 1000,
      "parameterization": "eps", "scale_factor": 0.18215, "conditioning_key": "crossattn",
      "unet_config": {
        "image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 320,
        "attention_resolutions": [4, 2, 1], "num_res_blocks": 2, "channel_mult": [1, 2, 4, 4],
        "num_heads": 8, "use_spatial_transformer": true, "transformer_depth": 1,
        "context_dim": 768, "legacy": false},
      "first_stage_config": {"embed_dim": 4, "ddconfig": {
        "double_z": true, "z_channels": 4, "resolution": 256, "in_channels": 3, "out_ch": 3,
        "ch": 128, "ch_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_resolutions": [],
        "dropout": 0.0}},
      "cond_stage_config": {"text_config": {
        "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "max_position_embeddings": 77, "bos_token_id": 49406,
        "eos_token_id": 49407, "pad_token_id": 49407, "hidden_act": "quick_gelu"}},
      "sampler": {"name": "ddim", "steps": 50, "cfg_scale": 7.5}
    })",
                                       "SD 1.x");
    settings["unet_config"]["in_channels"] = in_channels;
    if (in_channels > 4) settings["conditioning_key"] = "hybrid";
    return settings;
}

io::Json sd2_settings(std::int64_t in_channels) {
    io::Json settings = sd1_settings(in_channels);
    settings["name"] = sd2;
    settings["unet_config"].update({{"num_heads", -1},
                                    {"num_head_channels", 64},
                                    {"context_dim", 1024},
                                    {"use_linear_in_transformer", true}});
    settings["cond_stage_config"]["text_config"].update({{"hidden_size", 1024},
                                                         {"intermediate_size", 4096},
                                                         {"num_hidden_layers", 23},
                                                         {"num_attention_heads", 16},
                                                         {"pad_token_id", 0},
                                                         {"hidden_act", "gelu"}});
    return settings;
}

io::Json settings_of(const ModelFamily& family) {
    if (!family.config.empty()) return published_settings(family);
    return family.name == sd2 ? sd2_settings(family.in_channels) : sd1_settings(family.in_channels);
}

}  // namespace ldm::pipeline
