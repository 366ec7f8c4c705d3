#include "chapters/02_vae/config.h"

#include <fmt/format.h>

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

// Far beyond every model there is, and small enough that no product of two overflows.
constexpr int most_channels = 1 << 14;
constexpr int most_levels = 16;
constexpr int most_blocks = 64;
constexpr int largest_resolution = 1 << 16;

}  // namespace

Config Config::from_json(const io::Json& ddconfig) {
    io::expect_only_keys(ddconfig,
                         {"double_z", "z_channels", "resolution", "in_channels", "out_ch", "ch",
                          "ch_mult", "num_res_blocks", "attn_resolutions", "dropout", "attn_type",
                          "resamp_with_conv", "give_pre_end", "tanh_out"},
                         "ddconfig");
    Config config;
    config.ch = io::get_in(ddconfig, "ch", 1, most_channels);
    config.ch_mult = io::get_list_in(ddconfig, "ch_mult", 1, most_channels, most_levels);
    config.num_res_blocks = io::get_in(ddconfig, "num_res_blocks", 1, most_blocks);
    config.attn_resolutions =
        io::get_list_in(ddconfig, "attn_resolutions", 0, largest_resolution, most_levels);
    config.resolution = io::get_in(ddconfig, "resolution", 1, largest_resolution);
    config.in_channels = io::get_in(ddconfig, "in_channels", 1, most_channels);
    config.out_ch = io::get_in(ddconfig, "out_ch", 1, most_channels);
    config.z_channels = io::get_in(ddconfig, "z_channels", 1, most_channels);
    config.double_z = io::get_or(ddconfig, "double_z", true);
    config.resamp_with_conv = io::get_or(ddconfig, "resamp_with_conv", true);
    config.attn_type = attn_type_from(io::get_or(ddconfig, "attn_type", "vanilla"));
    config.give_pre_end = io::get_or(ddconfig, "give_pre_end", false);
    config.tanh_out = io::get_or(ddconfig, "tanh_out", false);
    if (config.ch_mult.empty())
        throw Error("ddconfig: 'ch_mult' must have an entry for each level");
    if (config.ch * std::ranges::max(config.ch_mult) > most_channels)
        throw Error(
            fmt::format("ddconfig: 'ch' times 'ch_mult' must be at most {}", most_channels));
    return config;
}

bool Config::has_attention_at(int nominal_resolution) const {
    return std::ranges::count(attn_resolutions, nominal_resolution) > 0;
}

}  // namespace ldm::vae
