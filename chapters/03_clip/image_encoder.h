#pragma once

#include "chapters/03_clip/transformer.h"

namespace ldm::clip {

/// CLIP's image tower, a vision transformer (Dosovitskiy et al., 2021): the picture is cut into
/// patches, each patch becomes a token, and one more, the class token, attends to all of them.
///
///     h = pre_layrnorm([class; patches] + position_embedding),   h = layers(h)
///
/// From transformers' CLIPVisionModel; keys vision_model.embeddings, vision_model.pre_layrnorm
/// (their spelling), vision_model.encoder.layers, vision_model.post_layernorm.
class ImageEncoder {
public:
    struct Config {
        /// width and height of the picture, in pixels
        std::int64_t image_size;
        /// width and height of a patch, in pixels
        std::int64_t patch_size;
        TransformerConfig transformer;

        /// Throws an Error that names an unknown key or an unsupported value.
        static Config from_json(const io::Json& json);
        std::int64_t patches() const {
            return (image_size / patch_size) * (image_size / patch_size);
        }
    };

    /// `weights` is the prefix of vision_model.
    ImageEncoder(const nn::Params& weights, const Config& config);

    /// pixels [N, 3, image_size, image_size] -> last_hidden_state [N, 1 + patches, D], token 0 is
    /// the class. As upstream, the last norm has not been applied yet.
    Tensor operator()(const Tensor& pixels) const;

    /// post_layernorm of the class token: [N, 1 + patches, D] -> [N, D].
    Tensor pool(const Tensor& last_hidden_state) const;

private:
    std::string path_;
    Config config_;
    Tensor class_embedding_;
    nn::Conv2d patch_embedding_;
    nn::Embedding position_embedding_;
    nn::LayerNorm pre_norm_;
    Transformer encoder_;
    nn::LayerNorm post_norm_;
};

}  // namespace ldm::clip
