#include "chapters/08_ldm_pipeline/families.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/08_ldm_pipeline/published_models.h"

namespace ldm::pipeline {
namespace {

constexpr const char* first_convolution = "model.diffusion_model.input_blocks.0.0.weight";

bool has_name(const io::TensorFile& file, const auto& fits) {
    return std::ranges::any_of(file.entries(),
                               [&](const io::TensorEntry& entry) { return fits(entry.name); });
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
        return {
            "an autoencoder (VAE) alone",
            {"it has no UNet and no text encoder: name a model and give it this file with --vae"}};
    if (has_prefix(file, "text_model.") || has_prefix(file, "cond_stage_model."))
        return {"a text encoder alone", {"it has no UNet and no autoencoder"}};
    return {"a sound file of tensors",
            {fmt::format("it is not a Stable Diffusion checkpoint, for it has no '{}'",
                         first_convolution)}};
}

}  // namespace

bool has_prefix(const io::TensorFile& file, std::string_view prefix) {
    return has_name(file, [&](const std::string& name) { return name.starts_with(prefix); });
}

std::optional<std::int64_t> context_width(const io::TensorFile& file) {
    const auto found = std::ranges::find_if(file.entries(), [](const io::TensorEntry& entry) {
        return entry.name.starts_with("model.diffusion_model.") &&
               entry.name.ends_with(".attn2.to_k.weight") && entry.shape.size() == 2;
    });
    if (found == file.entries().end()) return std::nullopt;
    return found->shape[1];
}

std::string unsupported_channels(std::int64_t channels) {
    if (channels == 4 || channels == 8 || channels == 9) return {};
    const char* what = channels == 5 ? "depth to image: latent and depth" : "no kind that is known";
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

    const char* no_autoencoder =
        "it has no autoencoder (first_stage_model.…): give it one with --vae";
    const bool lacks_autoencoder = !separate_autoencoder && !has_prefix(file, "first_stage_model.");
    if (std::optional<ModelFamily> published = identify_published(file)) {
        if (lacks_autoencoder) published->problems.emplace_back(no_autoencoder);
        return *published;
    }

    const auto width = context_width(file);
    ModelFamily family = width ? identify_by_context(*width) : ModelFamily{sd1};
    if (convolution->shape.size() == 4) {
        family.in_channels = convolution->shape[1];
        if (const std::string problem = unsupported_channels(family.in_channels); !problem.empty())
            family.problems.push_back(problem);
    }
    if (has_prefix(file, "model.diffusion_model.label_emb."))
        family.problems.push_back("its UNet takes class labels, which are not supported");
    if (lacks_autoencoder) family.problems.emplace_back(no_autoencoder);
    if (!has_prefix(file, "cond_stage_model."))
        family.problems.push_back("it has no text encoder (cond_stage_model.…)");
    return family;
}

}  // namespace ldm::pipeline
