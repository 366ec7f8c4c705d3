#include "chapters/09_training/optimizer/initial_weights.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "common/random/name_hash.h"
#include "common/random/torch_random.h"

namespace ldm::train {
namespace {

using Kind = Init::Kind;
using random::TorchGenerator;

constexpr Init zero{Kind::zero}, one{Kind::one};

/// A generator of its own for each name: torch.manual_seed(…) draws the same numbers.
TorchGenerator generator_for(const std::string& name, std::uint64_t seed) {
    const std::uint64_t hash = random::name_hash(fmt::format("{}#{}", name, seed));
    return TorchGenerator((hash ^ hash >> 32) & 0xffffffff);
}

Tensor uniform(const Shape& shape, double bound, TorchGenerator generator) {
    Tensor x(shape);
    generator.uniform(x.values());
    for (float& value : x.values()) value = static_cast<float>(bound * (2.0 * value - 1.0));
    return x;
}

Tensor normal(const Shape& shape, double mean, double std, TorchGenerator generator) {
    Tensor x(shape);
    generator.normal(x.values());
    for (float& value : x.values()) value = static_cast<float>(mean + std * value);
    return x;
}

/// Tells the two kinds of layers apart: a product's weight has two axes or more, a norm's one.
class InitialWeights {
public:
    InitialWeights(Rules rules, std::uint64_t seed) : rules_(std::move(rules)), seed_(seed) {}

    Tensor operator()(const std::string& name, const Shape& shape) {
        const Init init = rule_for(name);
        const std::string layer = name.substr(0, name.rfind('.') + 1),
                          role = name.substr(layer.size());
        if (role == "weight") weight_shapes_[layer] = shape;
        switch (init.kind) {
            case Kind::zero:
                return Tensor::zeros(shape);
            case Kind::one:
                return Tensor::full(shape, 1.0f);
            case Kind::value:
                return Tensor::full(shape, static_cast<float>(init.number));
            case Kind::normal: {
                const bool norm = role == "weight" && shape.size() == 1;
                return normal(shape, norm ? 1.0 : 0.0, init.number, generator_for(name, seed_));
            }
            case Kind::per_row:
                return uniform(shape, 1.0 / shape.at(0), generator_for(name, seed_));
            case Kind::layer:
                break;
        }
        if (role != "weight" && role != "bias")
            throw Error(
                fmt::format("no rule says how '{}' {} is initialized", name, to_string(shape)));
        const auto weight = weight_shapes_.find(layer);
        expect(weight != weight_shapes_.end(),
               fmt::format("'{}' was asked for before its weight", name));
        if (weight->second.size() < 2) return Tensor::full(shape, role == "weight" ? 1.0f : 0.0f);
        const double fan_in =
            element_count(Shape(weight->second.begin() + 1, weight->second.end()));
        return uniform(shape, 1.0 / std::sqrt(fan_in), generator_for(name, seed_));
    }

private:
    Init rule_for(const std::string& name) const {
        const auto fits = [&](const Rule& rule) {
            return fnmatch(rule.pattern.c_str(), name.c_str(), 0) == 0;
        };
        const auto rule = std::ranges::find_if(rules_, fits);
        return rule == rules_.end() ? Init{} : rule->init;
    }

    Rules rules_;
    std::uint64_t seed_;
    std::map<std::string, Shape> weight_shapes_;
};

/// The standard deviations in one tower of CLIP, by transformers' names: the more residual layers
/// add up, the smaller.
struct TowerStd {
    double in_proj = 0, out_proj = 0, fc = 0;

    TowerStd(const io::Json& config, const char* tower) {
        if (!config.contains(tower)) return;
        const auto sizes = io::get<io::Json>(config, tower);
        const double width = io::get<double>(sizes, "hidden_size");
        const double layers = io::get<double>(sizes, "num_hidden_layers");
        out_proj = 1 / std::sqrt(width);
        in_proj = out_proj / std::sqrt(2 * layers);
        fc = 1 / std::sqrt(2 * width);
    }
};

}  // namespace

const Rules& unet_rules() {
    static const Rules rules = {
        // a ResBlock
        {"*.out_layers.3.*", zero},
        // a SpatialTransformer, an AttentionBlock
        {"*.proj_out.*", zero},
        // the last convolution, of a network by itself …
        {"out.2.*", zero},
        // … or inside a model
        {"*diffusion_model.out.2.*", zero},
        {"*label_emb.weight", Init::normal(1.0)},
    };
    return rules;
}

const Rules& autoencoder_rules() {
    static const Rules rules = {
        {"*quantize.embedding.weight", {Kind::per_row}},
        {"*logvar", zero},
    };
    return rules;
}

const Rules& condition_rules() {
    static const Rules rules = {{"*embedding.weight", Init::normal(1.0)}};
    return rules;
}

const Rules& discriminator_rules() {
    static const Rules rules = {
        // weights of convolutions around 0, of norms around 1
        {"*.weight", Init::normal(0.02)},
        // batch norm
        {"*.running_mean", zero},
        {"*.running_var", one},
        {"*.num_batches_tracked", zero},
        // ActNorm, until its data-dependent initialization
        {"*.loc", zero},
        {"*.scale", one},
        {"*.initialized", zero},
    };
    return rules;
}

Rules clip_rules(const io::Json& config) {
    const TowerStd text(config, "text_config"), image(config, "vision_config");
    return {
        {"*text_model.encoder.*.self_attn.[qkv]_proj.weight", Init::normal(text.in_proj)},
        {"*text_model.encoder.*.self_attn.out_proj.weight", Init::normal(text.out_proj)},
        {"*text_model.encoder.*.mlp.fc1.weight", Init::normal(text.fc)},
        {"*text_model.encoder.*.mlp.fc2.weight", Init::normal(text.in_proj)},
        {"*vision_model.encoder.*.self_attn.[qkv]_proj.weight", Init::normal(image.in_proj)},
        {"*vision_model.encoder.*.self_attn.out_proj.weight", Init::normal(image.out_proj)},
        {"*vision_model.encoder.*.mlp.fc1.weight", Init::normal(image.fc)},
        {"*vision_model.encoder.*.mlp.fc2.weight", Init::normal(image.in_proj)},
        {"*vision_model.embeddings.class_embedding", Init::normal(image.out_proj)},
        {"*text_projection.weight", Init::normal(text.out_proj)},
        {"*visual_projection.weight", Init::normal(image.out_proj)},
        // tokens, positions, patches
        {"*_embedding.weight", Init::normal(0.02)},
        {"*logit_scale", Init::value(std::log(1 / 0.07))},
        {"*.bias", zero},
    };
}

MakeWeight initial_weights(const Rules& rules, std::uint64_t seed) {
    return InitialWeights(rules, seed);
}

}  // namespace ldm::train
