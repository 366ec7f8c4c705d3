#include "chapters/08_ldm_pipeline/upstream_configs.h"

#include <fmt/format.h>

#include "chapters/01_ddpm/schedule.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/08_ldm_pipeline/upstream_config_texts.h"
#include "common/error.h"
#include "common/io/yaml.h"

namespace ldm::pipeline {
namespace {

/// Only those of the keys that are there.
io::Json only(const io::Json& from, std::initializer_list<const char*> keys) {
    io::Json found = io::Json::object();
    for (const char* key : keys)
        if (from.contains(key)) found[key] = from.at(key);
    return found;
}

io::Json conditioning_key(const io::Json& params) {
    if (params.at("cond_stage_config") == "__is_unconditional__") return nullptr;
    if (io::has(params, "conditioning_key")) return params.at("conditioning_key");
    return io::get_or(params, "concat_mode", true) ? "concat" : "crossattn";
}

}  // namespace

io::Json upstream_config(const std::string& name) {
    for (const auto& [file, text] : upstream_config_texts())
        if (file == name) return io::parse_yaml(text, name);
    throw Error(fmt::format("'{}' is not among the files of reference_data/configs", name));
}

io::Json settings_from_upstream(const io::Json& config) {
    const auto params = io::get<io::Json>(io::get<io::Json>(config, "model"), "params");
    const auto first_stage =
        io::get<io::Json>(io::get<io::Json>(params, "first_stage_config"), "params");
    io::Json settings = ddpm::Schedule::settings_in(params);
    settings.update(only(params, {"cond_stage_key", "scale_by_std"}));
    settings["format"] = "ldm-model v1";
    settings["use_ema"] = io::get_or(params, "use_ema", true);
    settings["scale_factor"] = io::get_or(params, "scale_factor", 1.0);
    settings["cond_stage_config"] = io::get<io::Json>(params, "cond_stage_config");
    settings["conditioning_key"] = conditioning_key(params);
    settings["unet_config"] = io::get<io::Json>(io::get<io::Json>(params, "unet_config"), "params");
    settings["first_stage_config"] = only(first_stage, {"embed_dim", "n_embed", "ddconfig"});
    settings["image_size"] = io::get<int>(params, "image_size") *
                             FirstStageConfig::from_json(settings["first_stage_config"]).factor();
    return settings;
}

}  // namespace ldm::pipeline
