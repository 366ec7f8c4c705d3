#include "chapters/12_conditioners/classifier/noisy_latent_classifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/io/utf8.h"
#include "common/nn/nearest_name.h"

namespace ldm::conditioners {

NoisyLatentClassifier::NoisyLatentClassifier(const std::filesystem::path& folder, Device device)
    : source_(nn::open_folder(folder, device)) {
    const io::Json settings = source_.setting("classifier_config");
    if (settings.empty())
        throw Error(fmt::format("{}: holds no classifier: there is no 'classifier_config'",
                                folder.string()));
    const auto config = EncoderUNetModel::Config::from_json(settings);
    class_names_ = io::get<std::vector<std::string>>(source_.config(), "class_names");
    if (std::ssize(class_names_) != config.unet.out_channels)
        throw Error(fmt::format("{}: {} 'class_names' for a classifier of {} classes",
                                folder.string(), class_names_.size(), config.unet.out_channels));
    network_.emplace(source_.weights("model"), config);
    source_.check();
}

void NoisyLatentClassifier::expect_fitting(const pipeline::ModelSpec& spec) const {
    const auto here = ddpm::Schedule::from_model_config(source_.config());
    const auto& there = spec.schedule;
    const int channels = network_->config().unet.in_channels;
    if (channels != spec.first_stage.embed_dim)
        throw Error(
            fmt::format("the classifier {} is for latents of {} channels, the model's have {}",
                        source_.name(), channels, spec.first_stage.embed_dim));
    const bool same_schedule =
        here.beta_schedule == there.beta_schedule && here.timesteps == there.timesteps &&
        here.linear_start == there.linear_start && here.linear_end == there.linear_end &&
        here.given_betas == there.given_betas;
    const float scale = io::get<float>(source_.config(), "scale_factor");
    if (!same_schedule || std::abs(scale - spec.scale_factor) > 1e-4f * spec.scale_factor)
        throw Error(fmt::format(
            "the classifier {} was trained with another noise schedule or scale factor than the "
            "model: train one with --init and this model",
            source_.name()));
}

int class_number(const std::string& name, const std::vector<std::string>& names, int count) {
    if (const auto found = std::ranges::find(names, name); found != names.end())
        return static_cast<int>(found - names.begin());
    int number = -1;
    const auto [end, trouble] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool is_number = trouble == std::errc() && end == name.data() + name.size();
    if (is_number && number >= 0 && number < count) return number;
    if (is_number)
        throw Error(fmt::format("there is no class {}: they are numbered from 0 to {}",
                                text::printable(name), count - 1));
    throw Error(fmt::format("there is no class '{}'{}", text::printable(name),
                            names.empty() ? fmt::format(": they are numbered from 0 to {}, and the "
                                                        "model does not say their names",
                                                        count - 1)
                                          : nn::nearest_names(name, names)));
}

}  // namespace ldm::conditioners
