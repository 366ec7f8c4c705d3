#include "chapters/03_clip/towers.h"

#include <utility>

#include "common/ops/elementwise.h"
#include "common/ops/transfer.h"

namespace ldm::clip {
namespace {

/// Takes the three numbers out of the configuration.
Tensor take_colour(io::Json& config, const char* key, std::initializer_list<float> openai) {
    const auto values = io::get_or(config, key, std::vector<float>(openai));
    if (values.size() != 3) throw Error(std::string("'") + key + "' must be three numbers");
    config.erase(key);
    return Tensor::from({3, 1, 1}, values);
}

}  // namespace

Towers Towers::from_json(io::Json config) {
    const Tensor mean = take_colour(config, "image_mean", {0.48145466f, 0.4578275f, 0.40821073f});
    const Tensor std = take_colour(config, "image_std", {0.26862954f, 0.26130258f, 0.27577711f});
    return {ClipModel::Config::from_json(config), mean, std};
}

io::Json Towers::settings_in(const io::Json& config) {
    const auto stage = io::get_or(config, "cond_stage_config", io::Json());
    if (stage.is_object() && stage.contains("vision_config")) return stage;
    return io::get_or(config, "clip_config", io::Json());
}

Tensor Towers::pixel_values(const Tensor& pictures) const {
    const Device device = pictures.device();
    return ((pictures + 1.0f) / 2.0f - ops::to(image_mean, device)) / ops::to(image_std, device);
}

}  // namespace ldm::clip
