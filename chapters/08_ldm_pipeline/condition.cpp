#include "chapters/08_ldm_pipeline/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "common/error.h"

namespace ldm::pipeline {
namespace {

/// What a class encodes, unless "cond_stage_key" says otherwise.
const std::map<std::string, std::string, std::less<>> key_of_class = {
    {"FrozenCLIPEmbedder", "caption"},
    {"BERTEmbedder", "caption"},
    {"ClassEmbedder", "class_label"},
    {"FrozenCLIPTextEmbedder", "clip_embedding"},
};

Condition condition_from(const io::Json& stage, const std::string& cond_stage_key) {
    Condition condition;
    if (stage.contains("text_config") && !stage.contains("target")) {
        condition.target = "FrozenCLIPEmbedder";
        condition.params = stage;
    } else {
        io::expect_only_keys(stage, {"target", "params", "cond_stage_key"}, "cond_stage_config");
        condition.target = class_of(io::get_or(stage, "target", ""));
        condition.params = io::get_or(stage, "params", io::Json::object());
    }
    const auto known = key_of_class.find(condition.target);
    condition.key = io::get_or(stage, "cond_stage_key", cond_stage_key);
    if (condition.key.empty() && known != key_of_class.end()) condition.key = known->second;
    if (condition.key.empty())
        throw Error(fmt::format(
            "cond_stage_config: 'cond_stage_key' must say what the class '{}' is to encode",
            condition.target));
    return condition;
}

}  // namespace

std::string class_of(const std::string& target) { return target.substr(target.rfind('.') + 1); }

std::vector<Condition> conditions_from(const io::Json& config) {
    const auto key = io::get_or(config, "cond_stage_key", "");
    std::vector<Condition> conditions;
    if (const auto stages = config.find("cond_stage_config");
        stages != config.end() && !stages->empty()) {
        for (const io::Json& stage : stages->is_array() ? *stages : io::Json::array({*stages})) {
            if (!stage.is_object())
                throw Error("'cond_stage_config' must be an object or a list of objects");
            conditions.push_back(condition_from(stage, key));
        }
    } else {
        const auto conditioning = io::get_or(config, "conditioning_key", io::Json());
        if (conditioning == "adm") conditions = {{.key = "class_label", .target = {}}};
        if (conditioning == "concat")
            conditions = {{.key = key.empty() ? "masked_image" : key, .target = {}}};
    }
    for (const Condition& condition : conditions)
        if (std::ranges::count(conditions, condition.key, &Condition::key) > 1)
            throw Error(
                fmt::format("cond_stage_config: '{}' is encoded more than once", condition.key));
    return conditions;
}

}  // namespace ldm::pipeline
