#include "chapters/02_vae/codebooks/gumbel_vq.h"

#include <fmt/format.h>

namespace ldm::vae {

GumbelVQ::Config GumbelVQ::Config::from_json(const io::Json& json) {
    io::expect_only_keys(
        json, {"ddconfig", "n_embed", "embed_dim", "kl_weight", "remap", "unknown_index"},
        "GumbelVQ");
    return {.ddconfig = vae::Config::from_json(io::get<io::Json>(json, "ddconfig")),
            .n_embed = io::get_in(json, "n_embed", 1, 1 << 20),
            .embed_dim = io::get_in(json, "embed_dim", 1, 1 << 14),
            .kl_weight = io::get_or(json, "kl_weight", 1e-8f),
            .remap = remap_in(json)};
}

GumbelVQ::GumbelVQ(const nn::Params& weights, const Config& config)
    : encoder_(weights, config.ddconfig, config.embed_dim),
      decoder_(weights, config.ddconfig, config.embed_dim),
      quantize_(weights / "quantize", {.num_hiddens = config.ddconfig.z_channels,
                                       .embedding_dim = config.embed_dim,
                                       .n_embed = config.n_embed,
                                       .kl_weight = config.kl_weight,
                                       .remap = config.remap}) {
    if (config.ddconfig.double_z)
        throw Error("GumbelVQ: 'double_z' must be false, an entry of a codebook has no variance");
    if (config.embed_dim != config.ddconfig.z_channels)
        throw Error(
            fmt::format("GumbelVQ: 'embed_dim' is {} and 'z_channels' is {}: make them equal",
                        config.embed_dim, config.ddconfig.z_channels));
}

}  // namespace ldm::vae
