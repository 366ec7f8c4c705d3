#include "chapters/03_clip/feature_extractor.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/03_clip/token_ids.h"
#include "common/figures/tensor_picture.h"
#include "common/image/resize.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::clip {
namespace {

constexpr std::size_t texts_at_once = 256;

io::Json clip_settings(const nn::ModelSource& model) {
    io::Json settings = Towers::settings_in(model.config());
    if (settings.empty())
        throw Error(
            fmt::format("{}: there is no CLIP in this model, whose towers compare texts with "
                        "pictures",
                        model.name()));
    return settings;
}

}  // namespace

FeatureExtractor::FeatureExtractor(const std::filesystem::path& model_folder, Device device)
    : folder_(nn::open_folder(model_folder, device)),
      tokenizer_(folder_.tokenizer()),
      towers_(Towers::from_json(clip_settings(folder_))),
      model_(folder_.weights() / place_in_model, towers_.sizes) {
    folder_.check();
    expect(tokenizer_.vocabulary_size() == towers_.sizes.text_config.vocab_size,
           "merges.txt and vocab_size of config.json do not belong together");
}

Tensor FeatureExtractor::text_features(const std::vector<std::string>& texts) const {
    std::vector<Tensor> features;
    for (std::size_t first = 0; first < texts.size(); first += texts_at_once) {
        const auto last = texts.begin() + std::min(first + texts_at_once, texts.size());
        features.push_back(features_of_batch({texts.begin() + first, last}));
    }
    return ops::concat(features, 0);
}

//! [cut]
Tensor FeatureExtractor::features_of_batch(const std::vector<std::string>& texts) const {
    const std::int64_t length = towers_.sizes.text_config.max_position_embeddings;
    const Tensor ids = token_ids(tokenizer_, texts, length);  // [N, S]
    const auto row = [&](std::size_t i) { return ids.ints() + i * length; };

    // Attention is causal, so what comes after the longest text's end changes nothing.
    std::int64_t longest = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto* end = std::find(row(i), row(i) + length, tokenizer_.end_token());
        longest = std::max(longest, 1 + (end - row(i)));
    }
    std::vector<std::int32_t> together;
    for (std::size_t i = 0; i < texts.size(); ++i)
        together.insert(together.end(), row(i), row(i) + longest);
    return model_.text_features(Tensor::ints({std::ssize(texts), longest}, together));
}
//! [cut]

Tensor FeatureExtractor::prepare(const image::Image& picture) const {
    const int side = static_cast<int>(towers_.sizes.vision_config.image_size);
    const image::Image fitting = image::resize(picture, side, side, image::Filter::bilinear);
    const Tensor pixels = ops::to(image::to_tensor(fitting), folder_.device());
    return towers_.pixel_values(pixels);  // [1, 3, side, side]
}

Tensor FeatureExtractor::image_features(const std::vector<image::Image>& pictures) const {
    std::vector<Tensor> prepared;
    for (const image::Image& picture : pictures) prepared.push_back(prepare(picture));
    return model_.image_features(model_.image()(ops::concat(prepared, 0)));
}

}  // namespace ldm::clip
