#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "chapters/01_ddpm/betas.h"
#include "chapters/08_ldm_pipeline/upstream_configs.h"
#include "tests/support/model_headers.h"

/// Headers of the files that were published with latent diffusion.

namespace ldm::test {

/// Everything that the model of reference_data/configs asks for, and of its conditioner a class
/// table or the layer that maps channels.
inline Tensors of_published(const std::string& config) {
    const io::Json settings = pipeline::settings_from_upstream(pipeline::upstream_config(config));
    Tensors tensors = tensors_of(settings);
    const io::Json& stage = settings["cond_stage_config"];
    const std::string kind = stage.is_object() ? pipeline::class_of(stage["target"]) : "";
    const auto param = [&](const char* key) { return io::get<std::int64_t>(stage["params"], key); };
    if (kind == "ClassEmbedder")
        tensors["cond_stage_model.embedding.weight"] = {{param("n_classes"), param("embed_dim")}};
    if (kind == "SpatialRescaler")
        tensors["cond_stage_model.channel_mapper.weight"] = {
            {param("out_channels"), param("in_channels"), 1, 1}};
    return tensors;
}

inline Stored stored_betas(const std::vector<double>& betas) {
    return {{std::ssize(betas)}, io::DType::f32, {betas.begin(), betas.end()}};
}

/// In float16, cut off after 10 bits.
inline Stored stored_halves(const std::vector<double>& betas) {
    Stored stored{{std::ssize(betas)}, io::DType::f16};
    std::vector<std::uint16_t> halves;
    for (const double beta : betas) {
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(beta));
        // the exponent's bias is 127 there, 15 here
        halves.push_back(static_cast<std::uint16_t>((bits >> 13) - (112u << 10)));
    }
    // two of them lie in a float32's place
    for (std::size_t i = 0; i < halves.size(); i += 2)
        stored.values.push_back(
            std::bit_cast<float>(static_cast<std::uint32_t>(halves[i]) |
                                 static_cast<std::uint32_t>(halves[i + 1]) << 16));
    return stored;
}

/// With what upstream leaves in such a file: the schedule's tables, a scale factor, averaged
/// weights.
inline Tensors with_buffers(const Tensors& tensors, const std::string& config) {
    const io::Json params = pipeline::upstream_config(config)["model"]["params"];
    const auto betas = ddpm::make_beta_schedule("linear", params["timesteps"],
                                                params["linear_start"], params["linear_end"]);
    Tensors all = tensors;
    for (const auto& [name, stored] : tensors) {
        constexpr std::string_view prefix = "model.";
        if (!name.starts_with("model.diffusion_model.")) continue;
        std::string average = name.substr(prefix.size());
        std::erase(average, '.');
        all["model_ema." + average] = stored;
    }
    all["model_ema.decay"] = {{}, io::DType::f32, {0.9999f}};
    all["model_ema.num_updates"] = {{}, io::DType::i32};
    all["betas"] = stored_betas(betas);
    all["alphas_cumprod"] = stored_betas(ddpm::cumulative_alphas(betas));
    all["scale_factor"] = {{}, io::DType::f32, {0.875f}};
    return all;
}

}  // namespace ldm::test
