#include "chapters/08_ldm_pipeline/published_models.h"

#include <algorithm>
#include <string>

#include "chapters/08_ldm_pipeline/condition.h"
#include "chapters/08_ldm_pipeline/upstream_configs.h"
#include "common/tensor/shape.h"

namespace ldm::pipeline {
namespace {

/// What a config does not say.
struct Published {
    /// of reference_data/configs
    std::string config;
    std::string family;
    /// s of upstream's scripts, for those that are guided
    double cfg_scale = 1.0;
    /// why it cannot be drawn with; empty if it can
    std::string problem = {};
};

const Published published[] = {
    {"txt2img-1p4B-eval", ldm_text_to_image, 5.0},
    {"text2img256", "LDM text-to-image (256 x 256)", 5.0},
    {"inpainting_big", ldm_inpainting},
    {"bsr_sr", "LDM super-resolution"},
    {"cin256-v2", "LDM of ImageNet's classes", 3.0},
    {"celeba256", "LDM of faces or bedrooms (CelebA-HQ, FFHQ, LSUN bedrooms)"},
    {"lsun_churches256", "LDM of churches (LSUN churches)"},
    {"cin256", "LDM of ImageNet's classes (VQ-f8)", 1.0,
     "none of its 1000 classes stands for no class, which drawing needs: take cin256-v2"},
    {"768x768", "retrieval-augmented LDM (768 x 768)", 1.0,
     "it is told vectors of CLIP ViT-L/14, which is not in the file: drawing with it is not "
     "supported yet"},
    {"semantic_synthesis256", "LDM of semantic maps (semantic synthesis)"},
    {"layout2img-openimages256", "LDM of bounding boxes (layout to image)", 1.0,
     "it is told boxes and what is in them: drawing with it is not supported yet"},
};

/// Read once.
struct Candidate {
    Published model;
    io::Json settings;
};

const std::vector<Candidate>& candidates() {
    static const std::vector<Candidate> all = [] {
        std::vector<Candidate> found;
        for (const Published& model : published) {
            io::Json settings = settings_from_upstream(upstream_config(model.config));
            settings["name"] = model.family;
            settings["sampler"] = {{"name", "ddim"}, {"steps", 50}, {"cfg_scale", model.cfg_scale}};
            found.push_back({model, std::move(settings)});
        }
        return found;
    }();
    return all;
}

bool has_shape(const io::TensorFile& file, std::string_view name, const Shape& shape) {
    const io::TensorEntry* entry = file.find(name);
    return entry && entry->shape == shape;
}

std::int64_t number(const io::Json& params, const char* key) {
    return io::get<std::int64_t>(params, key);
}

/// Whether a model whose context is that wide, or one without, has this UNet.
bool fits_unet(const io::TensorFile& file, const io::Json& unet) {
    const std::int64_t context = context_width(file).value_or(0);
    return has_shape(file, "model.diffusion_model.input_blocks.0.0.weight",
                     {number(unet, "model_channels"), number(unet, "in_channels"), 3, 3}) &&
           context == io::get_or(unet, "context_dim", std::int64_t{0});
}

/// Whether the codebook is there and as large, or none is. A file without a first stage may want
/// another's.
bool fits_first_stage(const io::TensorFile& file, const io::Json& first_stage) {
    if (!has_prefix(file, "first_stage_model.")) return true;
    constexpr const char* codebook = "first_stage_model.quantize.embedding.weight";
    if (!first_stage.contains("n_embed")) return !file.contains(codebook);
    return has_shape(file, codebook,
                     {number(first_stage, "n_embed"), number(first_stage, "embed_dim")});
}

/// Whether the first layer of what encodes the condition is there; those of other models encode
/// nothing, or as the first stage does.
bool fits_conditioner(const io::TensorFile& file, const io::Json& stage) {
    if (!stage.is_object()) return true;
    const std::string kind = class_of(io::get<std::string>(stage, "target"));
    const io::Json params = io::get_or(stage, "params", io::Json::object());
    if (kind == "BERTEmbedder") {
        const io::TensorEntry* query =
            file.find("cond_stage_model.transformer.attn_layers.layers.0.1.to_q.weight");
        return query && query->shape.size() == 2 && query->shape[1] == number(params, "n_embed");
    }
    if (kind == "ClassEmbedder") {
        constexpr std::int64_t usual = 1000;
        return has_shape(file, "cond_stage_model.embedding.weight",
                         {io::get_or(params, "n_classes", usual), number(params, "embed_dim")});
    }
    if (kind == "SpatialRescaler")
        return has_shape(file, "cond_stage_model.channel_mapper.weight",
                         {number(params, "out_channels"), number(params, "in_channels"), 1, 1});
    return true;
}

bool fits(const io::TensorFile& file, const io::Json& settings) {
    return fits_unet(file, settings.at("unet_config")) &&
           fits_first_stage(file, settings.at("first_stage_config")) &&
           fits_conditioner(file, settings.at("cond_stage_config"));
}

}  // namespace

std::optional<ModelFamily> identify_published(const io::TensorFile& file) {
    for (const auto& [model, settings] : candidates()) {
        if (!fits(file, settings)) continue;
        ModelFamily family{.name = model.family, .config = model.config};
        if (!model.problem.empty()) family.problems.push_back(model.problem);
        return family;
    }
    return std::nullopt;
}

std::vector<io::Json> all_published_settings() {
    std::vector<io::Json> all;
    for (const Candidate& candidate : candidates()) all.push_back(candidate.settings);
    return all;
}

io::Json published_settings(const ModelFamily& family) {
    return std::ranges::find(candidates(), family.config,
                             [](const Candidate& candidate) { return candidate.model.config; })
        ->settings;
}

}  // namespace ldm::pipeline
