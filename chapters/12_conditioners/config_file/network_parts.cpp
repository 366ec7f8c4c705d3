#include "chapters/12_conditioners/config_file/network_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/02_vae/codebooks/gumbel_vq.h"
#include "chapters/02_vae/vq_model.h"
#include "chapters/03_clip/text_encoder.h"
#include "chapters/07_unet/unet_model.h"
#include "chapters/08_ldm_pipeline/condition.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/12_conditioners/bert_embedder.h"
#include "chapters/12_conditioners/class_embedder.h"
#include "chapters/12_conditioners/encoder_unet.h"
#include "chapters/12_conditioners/spatial_rescaler.h"
#include "common/io/utf8.h"
#include "common/nn/nearest_name.h"
#include "common/report/table.h"

namespace ldm::conditioners {
namespace {

using io::Json;
using Build = std::function<void(const nn::Params& weights, const Json& params)>;

Json without(Json params, std::initializer_list<const char*> keys) {
    for (const char* key : keys) params.erase(key);
    return params;
}

void build_unet(const nn::Params& weights, const Json& params) {
    (void)unet::UNetModel(weights, unet::Config::from_json(params));
}

void build_encoder_unet(const nn::Params& weights, const Json& params) {
    (void)EncoderUNetModel(weights, EncoderUNetModel::Config::from_json(params));
}

void build_autoencoder(const nn::Params& weights, const Json& params) {
    (void)vae::AutoencoderKL(weights, vae::Config::from_json(io::get<Json>(params, "ddconfig")),
                             io::get_in(params, "embed_dim", 1, 1 << 14));
}

void build_vq_model(const nn::Params& weights, const Json& params) {
    (void)vae::VQModel(weights,
                       {.ddconfig = vae::Config::from_json(io::get<Json>(params, "ddconfig")),
                        .n_embed = io::get_in(params, "n_embed", 1, 1 << 20),
                        .embed_dim = io::get_in(params, "embed_dim", 1, 1 << 14)});
}

void build_gumbel_vq(const nn::Params& weights, const Json& params) {
    (void)vae::GumbelVQ(
        weights, vae::GumbelVQ::Config::from_json(
                     without(params, {"lossconfig", "temperature_scheduler_config", "ckpt_path",
                                      "ignore_keys", "image_key", "colorize_nlabels", "monitor"})));
}

/// The logits are weights of the file, whether used or not.
void build_bert(const nn::Params& weights, const Json& params) {
    const auto config = BERTEmbedder::Config::from_json(
        without(params, {"use_tokenizer", "device", "embedding_dropout"}));
    (void)BERTEmbedder(weights, config);
    (void)nn::Linear(weights / "transformer" / "to_logits", config.n_embed, config.vocab_size);
}

void build_classes(const nn::Params& weights, const Json& params) {
    (void)ClassEmbedder(weights, io::get_in_or(params, "n_classes", 1, 1 << 20, 1000),
                        io::get_in(params, "embed_dim", 1, 1 << 16));
}

void build_rescaler(const nn::Params& weights, const Json& params) {
    (void)SpatialRescaler(weights, SpatialRescaler::Config::from_json(params));
}

/// CLIP ViT-L/14's text tower, whatever the arguments: upstream loads it by name.
void build_clip(const nn::Params& weights, const Json&) {
    const Json text = pipeline::sd1_settings().at("cond_stage_config").at("text_config");
    (void)clip::TextEncoder(weights / "transformer", clip::TextEncoder::Config::from_json(text));
}

void build_nothing(const nn::Params&, const Json&) {}

const std::map<std::string, Build> networks = {{"UNetModel", build_unet},
                                               {"EncoderUNetModel", build_encoder_unet},
                                               {"AutoencoderKL", build_autoencoder},
                                               {"VQModel", build_vq_model},
                                               {"VQModelInterface", build_vq_model},
                                               {"GumbelVQ", build_gumbel_vq},
                                               {"IdentityFirstStage", build_nothing},
                                               {"BERTEmbedder", build_bert},
                                               {"TransformerEmbedder", build_bert},
                                               {"ClassEmbedder", build_classes},
                                               {"SpatialRescaler", build_rescaler},
                                               {"FrozenCLIPEmbedder", build_clip},
                                               {"Identity", build_nothing}};

/// A UNet between a first stage and a conditioner.
const std::vector<std::string> diffusions = {"LatentDiffusion", "Layout2ImgDiffusion"};

/// What may stand in the place of a network: the first stage, which also makes the condition, or
/// none.
const std::vector<std::string> special = {"__is_first_stage__", "__is_unconditional__"};

bool is_among(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

/// The last word of "ldm.models.autoencoder.AutoencoderKL".
std::string class_of(const Json& config) {
    return pipeline::class_of(io::get<std::string>(config, "target"));
}

NetworkPart part_of(const std::string& name, const Json& config) {
    if (config.is_string()) {
        const auto word = config.get<std::string>();
        if (!is_among(special, word))
            throw Error(
                fmt::format("the {} is neither a network nor a word that stands for one: "
                            "'{}'{}",
                            name, text::printable(word), nn::nearest_names(word, special)));
        return {.name = name, .target = word};
    }
    NetworkPart part{.name = name, .target = class_of(config)};
    const auto found = networks.find(part.target);
    if (found == networks.end()) {
        std::vector<std::string> known = diffusions;
        for (const auto& [target, build] : networks) known.push_back(target);
        throw Error(fmt::format("'target': there is no network '{}'{}",
                                text::printable(part.target),
                                nn::nearest_names(part.target, known)));
    }
    const Json params = io::get_or(config, "params", Json::object());
    if (!params.is_object()) throw Error("'params' are keys and values");
    nn::Checkpoint counted;
    counted.add_fallback([&part](const std::string&, const Shape& shape) {
        ++part.tensors;
        part.numbers += element_count(shape);
        // nobody looks at numbers while networks are built
        return Tensor::borrow(shape, nullptr, std::make_shared<int>());
    });
    found->second(counted.root(), params);
    return part;
}

}  // namespace

std::vector<NetworkPart> network_parts(const Json& config) {
    const Json model = io::get_or(config, "model", config);
    if (!is_among(diffusions, class_of(model))) return {part_of("network", model)};
    const auto params = io::get<Json>(model, "params");
    return {part_of("UNet", io::get<Json>(params, "unet_config")),
            part_of("first stage", io::get<Json>(params, "first_stage_config")),
            part_of("conditioner", io::get<Json>(params, "cond_stage_config"))};
}

std::string parts_table(const std::vector<NetworkPart>& parts) {
    report::Table table({"part", "class", "tensors", "parameters", "float32", "float16"});
    const auto size = [](std::int64_t numbers, int bytes) {
        return fmt::format("{:.1f} MiB", static_cast<double>(numbers * bytes) / (1 << 20));
    };
    NetworkPart all{.name = "all"};
    const auto add = [&](const NetworkPart& part) {
        table.add({part.name, part.target, std::to_string(part.tensors),
                   std::to_string(part.numbers), size(part.numbers, 4), size(part.numbers, 2)});
    };
    for (const NetworkPart& part : parts) {
        add(part);
        all.tensors += part.tensors;
        all.numbers += part.numbers;
    }
    if (parts.size() > 1) add(all);
    return table.text();
}

}  // namespace ldm::conditioners
