#include "chapters/03_clip/image_encoder.h"

#include <fmt/format.h>

#include "chapters/03_clip/position_ids.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"

namespace ldm::clip {
namespace {

nn::Conv2dShape patch_by_patch(std::int64_t size) {
    const int side = static_cast<int>(size);
    return {.kernel = side, .stride = side, .padding = {}, .bias = nn::Bias::no};
}

}  // namespace

ImageEncoder::Config ImageEncoder::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json,
                         {"hidden_size", "intermediate_size", "num_hidden_layers",
                          "num_attention_heads", "image_size", "patch_size", "hidden_act"},
                         "CLIPVisionModel");
    constexpr std::int64_t largest_side = 1 << 16;
    Config config{.image_size = io::get_in<std::int64_t>(json, "image_size", 1, largest_side),
                  .patch_size = io::get_in<std::int64_t>(json, "patch_size", 1, largest_side),
                  .transformer = TransformerConfig::from_json(json)};
    if (config.image_size < config.patch_size)
        fail(fmt::format("patch_size {} does not fit image_size {}", config.patch_size,
                         config.image_size));
    return config;
}

ImageEncoder::ImageEncoder(const nn::Params& weights, const Config& config)
    : path_((weights / "vision_model").path()),
      config_(config),
      class_embedding_((weights / "vision_model" / "embeddings")
                           .get("class_embedding", {config.transformer.hidden_size})),
      patch_embedding_(weights / "vision_model" / "embeddings" / "patch_embedding", 3,
                       config.transformer.hidden_size, patch_by_patch(config.patch_size)),
      position_embedding_(weights / "vision_model" / "embeddings" / "position_embedding",
                          1 + config.patches(), config.transformer.hidden_size),
      pre_norm_(weights / "vision_model" / "pre_layrnorm", config.transformer.hidden_size),
      encoder_(weights / "vision_model" / "encoder", config.transformer, AttentionMask::none),
      post_norm_(weights / "vision_model" / "post_layernorm", config.transformer.hidden_size) {
    accept_position_ids(weights / "vision_model" / "embeddings", 1 + config.patches());
}

//! [forward]
Tensor ImageEncoder::operator()(const Tensor& pixels) const {
    const std::int64_t n = pixels.dim(0), width = config_.transformer.hidden_size;
    expect_shape(pixels, {n, 3, config_.image_size, config_.image_size});

    const Tensor patches =
        patch_embedding_(pixels).reshape({n, width, -1});    // [N, 3, H, W] -> [N, D, patches]
    const Tensor tokens = ops::permute(patches, {0, 2, 1});  // [N, D, patches] -> [N, patches, D]
    const Tensor start = ops::broadcast_to(class_embedding_, {n, 1, width});
    const Tensor positions = position_embedding_(counting_up_to(1 + config_.patches()));

    // [N, 1 + patches, D]
    const Tensor h = pre_norm_(ops::concat({start, tokens}, 1) + positions);
    return traced(path_, encoder_.hidden_states(h).back());
}
//! [forward]

Tensor ImageEncoder::pool(const Tensor& last_hidden_state) const {
    const auto [n, tokens, width] = last_hidden_state.dims<3>();
    return post_norm_(ops::slice(last_hidden_state, 1, 0, 1).reshape({n, width}));
}

}  // namespace ldm::clip
