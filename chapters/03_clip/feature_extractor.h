#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "chapters/03_clip/towers.h"
#include "common/image/image.h"
#include "common/nn/model_source.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::clip {

/// The CLIP of a model folder together with what stands in front of its towers: the tokenizer for
/// texts, the preparation of pictures. It is for comparing texts with pictures; the conditioning of
/// a UNet comes from a PromptEncoder.
class FeatureExtractor {
public:
    /// Computes on `device`. Throws an Error that names what is missing.
    explicit FeatureExtractor(const std::filesystem::path& model_folder,
                              Device device = Device::cpu);

    /// The embeddings of texts, not normalized: [texts, projection_dim].
    Tensor text_features(const std::vector<std::string>& texts) const;

    /// The embeddings of pictures, not normalized: [pictures, projection_dim].
    Tensor image_features(const std::vector<image::Image>& pictures) const;

    /// projection_dim, the width of an embedding.
    std::int64_t width() const { return towers_.sizes.projection_dim; }

    const ClipModel& model() const { return model_; }
    const text::ClipTokenizer& tokenizer() const { return tokenizer_; }

private:
    Tensor features_of_batch(const std::vector<std::string>& texts) const;
    Tensor prepare(const image::Image& picture) const;

    nn::ModelSource folder_;
    text::ClipTokenizer tokenizer_;
    Towers towers_;
    ClipModel model_;
};

}  // namespace ldm::clip
