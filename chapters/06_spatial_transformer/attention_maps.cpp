#include "chapters/06_spatial_transformer/attention_maps.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/autograd/trace.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::spatial_transformer {
namespace {

/// The settings that the model's UNet gives its transformers of this width.
SpatialTransformer::Config config_for(const io::Json& unet_config, int channels) {
    const int heads = io::get_or(unet_config, "num_heads", -1);
    const int head_channels = io::get_or(unet_config, "num_head_channels", -1);
    const int d_head = head_channels != -1 ? head_channels : channels / heads;
    return {.in_channels = channels,
            .n_heads = channels / d_head,
            .d_head = d_head,
            .depth = io::get_or(unet_config, "transformer_depth", 1),
            .context_dim = io::get<int>(unet_config, "context_dim")};
}

float difference(const Tensor& table, std::int64_t a, std::int64_t b) {
    const auto [rows, columns] = table.dims<2>();
    float sum = 0.0f;
    for (std::int64_t i = 0; i < columns; ++i)
        sum += std::abs(table.data()[a * columns + i] - table.data()[b * columns + i]);
    return sum;
}

}  // namespace

AttentionMaps attention_maps(const nn::ModelSource& model, const nn::ActivationSnapshot& snapshot,
                             const std::string& block) {
    const Tensor& x = snapshot.at(block + ".0");
    const auto [n, channels, height, width] = x.dims<4>();
    const auto unet_config = io::get<io::Json>(model.config(), "unet_config");
    const nn::Params weights = model.weights() / "model" / "diffusion_model" / block / 1;
    const SpatialTransformer transformer(weights,
                                         config_for(unet_config, static_cast<int>(channels)));
    model.check();

    const Trace trace;
    transformer(x, snapshot.at("context"));
    const std::string first = weights.path() + ".transformer_blocks.0.";
    const auto over_heads = [&](const std::string& name) {  // [1, heads, S, M] -> [S, M]
        const Tensor table = ops::mean(trace.find(first + name + ".weights"), {1});
        return ops::to(table, Device::cpu).reshape({table.dim(1), table.dim(2)});
    };
    return {static_cast<int>(height), static_cast<int>(width), over_heads("attn1"),
            over_heads("attn2")};
}

std::vector<int> different_pixels(const AttentionMaps& maps, int count) {
    const int pixels = maps.height * maps.width;
    std::vector<int> chosen{maps.height / 2 * maps.width + maps.width / 2};
    std::vector<float> nearest(pixels, std::numeric_limits<float>::max());
    while (static_cast<int>(chosen.size()) < std::min(count, pixels)) {
        for (int i = 0; i < pixels; ++i)
            nearest[i] = std::min(nearest[i], difference(maps.self, i, chosen.back()));
        // never again
        nearest[chosen.back()] = -1.0f;
        chosen.push_back(static_cast<int>(std::ranges::max_element(nearest) - nearest.begin()));
    }
    return chosen;
}

}  // namespace ldm::spatial_transformer
