#include "chapters/08_ldm_pipeline/families.h"

#include <fmt/format.h>

#include <algorithm>

namespace ldm::pipeline {
namespace {

constexpr const char* first_convolution = "model.diffusion_model.input_blocks.0.0.weight";
constexpr const char* a_cross_attention =
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";

bool has_name(const io::TensorFile& file, const auto& fits) {
    return std::ranges::any_of(file.entries(),
                               [&](const io::TensorEntry& entry) { return fits(entry.name); });
}

bool has_prefix(const io::TensorFile& file, std::string_view prefix) {
    return has_name(file, [&](const std::string& name) { return name.starts_with(prefix); });
}

bool has_part(const io::TensorFile& file, std::string_view part) {
    return has_name(file,
                    [&](const std::string& name) { return name.find(part) != std::string::npos; });
}

/// A part of a name that only one kind of file has.
struct Mark {
    std::string_view part;
    ModelFamily family;
};

/// The first that a file has says what it is.
const Mark marks[] = {
    {"lora_down.weight", {"a LoRA", {"name a model and give it this file with --lora"}}},
    {"lora.down.weight", {"a LoRA", {"name a model and give it this file with --lora"}}},
    {"lora_A.weight", {"a LoRA", {"name a model and give it this file with --lora"}}},
    {"hada_w1_a", {"a LoHa", {"name a model and give it this file with --lora"}}},
    {"lokr_w1", {"a LoKr", {"name a model and give it this file with --lora"}}},
    {"emb_params",
     {"a textual inversion", {"name a model and give it this file with --embedding"}}},
    {"string_to_param",
     {"a textual inversion", {"name a model and give it this file with --embedding"}}},
    {"control_model.", {"a ControlNet", {"ControlNets cannot be used yet"}}},
    {"controlnet_cond_embedding.", {"a ControlNet", {"ControlNets cannot be used yet"}}},
    {"scaled_fp8",
     {"a model in scaled 8-bit floats",
      {"such weights cannot be read yet: take those in 16 bits"}}},
    {".scale_weight",
     {"a model in scaled 8-bit floats",
      {"such weights cannot be read yet: take those in 16 bits"}}},
    {"double_blocks.", {"Flux", {"its transformer is not supported"}}},
    {"joint_blocks.", {"Stable Diffusion 3", {"its transformer is not supported"}}},
    {"conditioner.embedders.", {"SDXL", {"its two text towers cannot be read yet"}}},
    {"noise_augmentor.", {"Stable unCLIP", {"its image embeddings are not supported"}}},
    {"low_scale_model.",
     {"Stable Diffusion's x4 upscaler", {"its noisy low-resolution input is not supported"}}},
};

/// Files with one part of a model, or with a model under other names.
ModelFamily identify_without_unet(const io::TensorFile& file) {
    if (has_prefix(file, "down_blocks.") && has_prefix(file, "time_embedding."))
        return {"the UNet of a diffusers folder", {"name the folder that holds unet/ and vae/"}};
    if (has_prefix(file, "first_stage_model.") ||
        (has_prefix(file, "decoder.conv_in.") && has_prefix(file, "decoder.conv_out.")))
        return {"an autoencoder (VAE) alone", {"it has no UNet and no text encoder"}};
    if (has_prefix(file, "text_model.") || has_prefix(file, "cond_stage_model."))
        return {"a text encoder alone", {"it has no UNet and no autoencoder"}};
    return {"a sound file of tensors",
            {fmt::format("it is not a Stable Diffusion checkpoint, for it has no '{}'",
                         first_convolution)}};
}

}  // namespace

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
    return family.name == sd2 ? sd2_settings(family.in_channels) : sd1_settings(family.in_channels);
}

std::string unsupported_channels(std::int64_t channels) {
    if (channels == 4 || channels == 8 || channels == 9) return {};
    const char* what = channels == 7   ? "LDM inpainting: latent, masked picture and mask"
                       : channels == 5 ? "depth to image: latent and depth"
                                       : "no kind that is known";
    return fmt::format("its UNet takes {} channels ({}), which is not supported yet", channels,
                       what);
}

ModelFamily identify_by_context(std::int64_t width) {
    if (width == 768) return {sd1};
    if (width == 1024) return {sd2};
    if (width == 1280) return {"SDXL's refiner", {"its text tower cannot be read yet"}};
    if (width == 2048) return {"SDXL", {"its two text towers cannot be read yet"}};
    return {"an unknown Stable Diffusion",
            {fmt::format("its UNet takes a context of width {}, not 768 or 1024", width)}};
}

ModelFamily identify(const io::TensorFile& file, bool separate_autoencoder) {
    for (const Mark& mark : marks)
        if (has_part(file, mark.part)) return mark.family;
    const io::TensorEntry* convolution = file.find(first_convolution);
    if (!convolution) return identify_without_unet(file);

    const io::TensorEntry* attention = file.find(a_cross_attention);
    ModelFamily family = attention && attention->shape.size() == 2
                             ? identify_by_context(attention->shape[1])
                             : ModelFamily{sd1};
    if (convolution->shape.size() == 4) {
        family.in_channels = convolution->shape[1];
        if (const std::string problem = unsupported_channels(family.in_channels); !problem.empty())
            family.problems.push_back(problem);
    }
    if (has_prefix(file, "model.diffusion_model.label_emb."))
        family.problems.push_back("its UNet takes class labels, which are not supported");
    if (!separate_autoencoder && !has_prefix(file, "first_stage_model."))
        family.problems.push_back("it has no autoencoder (first_stage_model.…)");
    if (!has_prefix(file, "cond_stage_model."))
        family.problems.push_back("it has no text encoder (cond_stage_model.…)");
    return family;
}

}  // namespace ldm::pipeline
