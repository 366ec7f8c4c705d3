#include "chapters/03_clip/clip_model.h"

#include "chapters/03_clip/contrastive_loss.h"
#include "common/ops/elementwise.h"

namespace ldm::clip {

ClipModel::Config ClipModel::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json, {"projection_dim", "text_config", "vision_config"}, "CLIPModel");
    // far beyond every model there is
    constexpr std::int64_t widest = 1 << 16;
    return {
        .text_config = TextEncoder::Config::from_json(io::get<io::Json>(json, "text_config")),
        .vision_config = ImageEncoder::Config::from_json(io::get<io::Json>(json, "vision_config")),
        .projection_dim = io::get_in<std::int64_t>(json, "projection_dim", 1, widest)};
}

ClipModel::ClipModel(const nn::Params& weights, const Config& config)
    : text_(weights, config.text_config),
      image_(weights, config.vision_config),
      text_projection_(weights / "text_projection", config.text_config.transformer.hidden_size,
                       config.projection_dim, nn::Bias::no),
      visual_projection_(weights / "visual_projection",
                         config.vision_config.transformer.hidden_size, config.projection_dim,
                         nn::Bias::no),
      logit_scale_(weights.get("logit_scale", {})) {}

//! [features]
Tensor ClipModel::pooled_text(const Tensor& ids) const { return text_.pool(text_(ids), ids); }

Tensor ClipModel::project_text(const Tensor& pooled) const { return text_projection_(pooled); }

Tensor ClipModel::image_features(const Tensor& last_hidden_state) const {
    return visual_projection_(image_.pool(last_hidden_state));
}

Tensor ClipModel::logits_per_text(const Tensor& text_features, const Tensor& image_features) const {
    return ops::exp(logit_scale_) * cosine_similarity(text_features, image_features);
}
//! [features]

}  // namespace ldm::clip
