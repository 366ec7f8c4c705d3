#pragma once

#include "chapters/03_clip/image_encoder.h"
#include "chapters/03_clip/text_encoder.h"

namespace ldm::clip {

/// CLIP (Radford et al., 2021): both towers and their projections into a common embedding space. A
/// text and a picture each become one vector of projection_dim numbers; those of a pair have a
/// high cosine similarity.
///
///     logits_per_text = exp(logit_scale) cos(text, image)
///
/// From transformers' CLIPModel; keys text_model, vision_model, text_projection,
/// visual_projection (no biases), logit_scale [], the logarithm of the inverse temperature.
class ClipModel {
public:
    struct Config {
        TextEncoder::Config text_config;
        ImageEncoder::Config vision_config;
        /// P, width of the common embedding space
        std::int64_t projection_dim;

        /// Throws an Error that names an unknown or missing key or an unsupported value.
        static Config from_json(const io::Json& json);
    };

    ClipModel(const nn::Params& weights, const Config& config);

    const TextEncoder& text() const { return text_; }
    const ImageEncoder& image() const { return image_; }

    /// The embedding of texts, not normalized: ids [N, S] int32 -> [N, P]. In two steps: the
    /// tower's pooled output, [N, D] with the text tower's D, and its projection.
    Tensor text_features(const Tensor& ids) const { return project_text(pooled_text(ids)); }
    Tensor pooled_text(const Tensor& ids) const;
    Tensor project_text(const Tensor& pooled) const;

    /// The embedding of pictures, not normalized: last_hidden_state [N, 1 + patches, D], the output
    /// of image(), with D of the vision_config -> [N, P]. Takes the tower's output and not pixels,
    /// so that a caller who also uses the patches runs the tower once.
    Tensor image_features(const Tensor& last_hidden_state) const;

    /// Features of Nt texts and Np pictures, [Nt, P], [Np, P] -> logits_per_text [Nt, Np].
    Tensor logits_per_text(const Tensor& text_features, const Tensor& image_features) const;

private:
    TextEncoder text_;
    ImageEncoder image_;
    nn::Linear text_projection_, visual_projection_;
    Tensor logit_scale_;
};

}  // namespace ldm::clip
