#include "chapters/08_ldm_pipeline/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/error.h"
#include "common/nn/nearest_name.h"

namespace ldm::pipeline {
namespace {

/// What a class encodes, unless "cond_stage_key" says otherwise.
const std::map<std::string, std::string, std::less<>> key_of_class = {
    {"FrozenCLIPEmbedder", "caption"},   {"BERTEmbedder", "caption"},
    {"ClassEmbedder", "class_label"},    {"FrozenCLIPTextEmbedder", "clip_embedding"},
    {"SpatialRescaler", "segmentation"},
};

std::vector<std::string> known_classes() {
    std::vector<std::string> classes;
    for (const auto& [name, key] : key_of_class) classes.push_back(name);
    return classes;
}

/// What is taken as it is, unless "cond_stage_key" says otherwise.
std::string key_of(const io::Json& conditioning_key) {
    if (conditioning_key == "adm") return "class_label";
    return conditioning_key == "concat" ? "masked_image" : "";
}

Condition condition_from(const io::Json& stage, const io::Json& config) {
    Condition condition{.key = io::get_or(config, "cond_stage_key", "")};
    if (stage.is_string()) {
        if (stage != "__is_first_stage__")
            throw Error(
                "'cond_stage_config' is a word that is not known: expected __is_first_stage__ or "
                "__is_unconditional__");
    } else if (!stage.contains("target")) {
        (void)io::get<io::Json>(stage, "text_config");
        condition.target = "FrozenCLIPEmbedder";
        condition.params = stage;
    } else {
        io::expect_only_keys(stage, {"target", "params", "cond_stage_key"}, "cond_stage_config");
        condition.target = class_of(io::get<std::string>(stage, "target"));
        condition.params = io::get_or(stage, "params", condition.params);
        condition.key = io::get_or(stage, "cond_stage_key", condition.key);
        if (condition.target == "Identity") condition.target.clear();
    }
    if (!condition.key.empty()) return condition;
    const auto known = key_of_class.find(condition.target);
    condition.key = condition.target.empty()
                        ? key_of(io::get_or(config, "conditioning_key", io::Json()))
                        : (known != key_of_class.end() ? known->second : "");
    if (condition.key.empty())
        throw Error(fmt::format(
            "cond_stage_config: the class '{}' is not known{}; a 'cond_stage_key' would say what "
            "it encodes",
            condition.target, nn::nearest_names(condition.target, known_classes())));
    return condition;
}

}  // namespace

std::string class_of(const std::string& target) { return target.substr(target.rfind('.') + 1); }

std::vector<Condition> conditions_from(const io::Json& config) {
    const auto stages = io::get_or(config, "cond_stage_config", io::Json::object());
    const auto conditioning = io::get_or(config, "conditioning_key", io::Json());
    std::vector<Condition> conditions;
    if (stages == "__is_unconditional__") return conditions;
    if (stages.is_array()) {
        for (const io::Json& stage : stages) {
            if (!stage.is_object())
                throw Error("'cond_stage_config' must be an object or a list of objects");
            conditions.push_back(condition_from(stage, config));
        }
    } else if (!stages.empty()) {
        conditions.push_back(condition_from(stages, config));
    } else if (!key_of(conditioning).empty()) {
        conditions.push_back(condition_from({{"target", "torch.nn.Identity"}}, config));
    }
    for (const Condition& condition : conditions)
        if (std::ranges::count(conditions, condition.key, &Condition::key) > 1)
            throw Error(
                fmt::format("cond_stage_config: '{}' is encoded more than once", condition.key));
    return conditions;
}

}  // namespace ldm::pipeline
