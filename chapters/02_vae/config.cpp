#include "chapters/02_vae/config.h"

#include <algorithm>

#include "common/error.h"

namespace ldm::vae {
namespace {

AttnType attn_type_from(const std::string& name) {
    if (name == "vanilla") return AttnType::vanilla;
    if (name == "linear") return AttnType::linear;
    if (name == "none") return AttnType::none;
    throw Error("ddconfig: 'attn_type' is vanilla, linear or none, not '" + name + "'");
}

int positive(const io::Json& ddconfig, const char* key) {
    const int value = io::get<int>(ddconfig, key);
    expect(value > 0,
           std::string("ddconfig: '") + key + "' must be positive, got " + std::to_string(value));
    return value;
}

}  // namespace

Config Config::from_json(const io::Json& ddconfig) {
    io::expect_only_keys(ddconfig,
                         {"double_z", "z_channels", "resolution", "in_channels", "out_ch", "ch",
                          "ch_mult", "num_res_blocks", "attn_resolutions", "dropout", "attn_type",
                          "resamp_with_conv", "give_pre_end", "tanh_out"},
                         "ddconfig");
    Config config;
    config.ch = positive(ddconfig, "ch");
    config.ch_mult = io::get<std::vector<int>>(ddconfig, "ch_mult");
    config.num_res_blocks = positive(ddconfig, "num_res_blocks");
    config.attn_resolutions = io::get<std::vector<int>>(ddconfig, "attn_resolutions");
    config.resolution = positive(ddconfig, "resolution");
    config.in_channels = positive(ddconfig, "in_channels");
    config.out_ch = positive(ddconfig, "out_ch");
    config.z_channels = positive(ddconfig, "z_channels");
    config.double_z = io::get_or(ddconfig, "double_z", true);
    config.resamp_with_conv = io::get_or(ddconfig, "resamp_with_conv", true);
    config.attn_type = attn_type_from(io::get_or(ddconfig, "attn_type", "vanilla"));
    config.give_pre_end = io::get_or(ddconfig, "give_pre_end", false);
    config.tanh_out = io::get_or(ddconfig, "tanh_out", false);
    expect(!config.ch_mult.empty() && std::ranges::min(config.ch_mult) > 0,
           "ddconfig: 'ch_mult' must be a list of positive numbers");
    return config;
}

bool Config::has_attention_at(int nominal_resolution) const {
    return std::ranges::count(attn_resolutions, nominal_resolution) > 0;
}

}  // namespace ldm::vae
