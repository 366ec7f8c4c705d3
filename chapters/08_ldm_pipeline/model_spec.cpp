#include "chapters/08_ldm_pipeline/model_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/image/image.h"

namespace ldm::pipeline {
namespace {

using Key = unet::DiffusionWrapper::Key;

void read_settings(const io::Json& config, ModelSpec& spec) {
    spec.schedule = ddpm::Schedule::from_model_config(config);
    spec.image_size = io::get_in(config, "image_size", 1, image::largest_side);
    spec.scale_factor = io::get<float>(config, "scale_factor");
    // null says something else than nothing
    spec.conditioning = unet::DiffusionWrapper::key_from_json(
        config.contains("conditioning_key") ? config["conditioning_key"] : io::Json("crossattn"));
    spec.unet = unet::Config::from_json(io::get<io::Json>(config, "unet_config"));
    spec.first_stage = FirstStageConfig::from_json(io::get<io::Json>(config, "first_stage_config"));
    spec.conditions = conditions_from(config);
    if (spec.conditions.empty() && spec.conditioning != Key::none)
        (void)io::get<io::Json>(config, "cond_stage_config");
    if (const Condition* caption = spec.find_condition("caption"))
        spec.text_tower = TextTower::from_json(*caption);
    spec.class_names = io::get_or(config, "class_names", spec.class_names);
    const auto preferred = io::get_or(config, "sampler", io::Json::object());
    spec.sampler = io::get_or(preferred, "name", spec.sampler);
    spec.steps = io::get_or(preferred, "steps", spec.steps);
    spec.sampler_schedule = io::get_or(preferred, "schedule", spec.sampler_schedule);
    spec.cfg_scale = spec.is_guided() ? io::get_or(preferred, "cfg_scale", spec.cfg_scale) : 1.0f;
}

/// What each part accepts alone but the parts together do not.
void expect_fitting(const ModelSpec& spec) {
    const bool takes_more = spec.conditioning == Key::concat || spec.conditioning == Key::hybrid;
    const bool has_more = spec.unet.in_channels != spec.first_stage.embed_dim;
    if (has_more != takes_more || (has_more && spec.concat_input() == ConcatInput::none))
        throw Error(fmt::format(
            "its UNet takes {} channels, its autoencoder's latents have {}: that is not supported "
            "with the conditioning key '{}'",
            spec.unet.in_channels, spec.first_stage.embed_dim, name_of(spec.conditioning)));
    const std::int64_t width = spec.text_tower ? spec.text_tower->width : 0;
    const bool has_tokens =
        spec.find_condition("class_label") || spec.find_condition("clip_embedding");
    if (spec.unet.context_dim.value_or(0) != width && (width > 0 || !has_tokens))
        throw Error(fmt::format("its UNet takes a context of width {}, its text tower's has {}",
                                spec.unet.context_dim.value_or(0), width));
    // throws for betas that make no schedule
    const ddpm::Schedule schedule(spec.schedule);
}

}  // namespace

ddpm::Schedule ModelSpec::make_schedule() const {
    return scheduler ? scheduler->schedule() : ddpm::Schedule(schedule);
}

const Condition* ModelSpec::find_condition(std::string_view key) const {
    const auto found = std::ranges::find(conditions, key, &Condition::key);
    return found == conditions.end() ? nullptr : &*found;
}

ConcatInput ModelSpec::concat_input() const {
    const int latent = first_stage.embed_dim, more = unet.in_channels - latent;
    if (find_condition("segmentation"))
        return more > 0 ? ConcatInput::segmentation : ConcatInput::none;
    if (find_condition("LR_image"))
        return more == 3 ? ConcatInput::low_resolution : ConcatInput::none;
    if (conditioning == Key::concat)
        return more == latent + 1 ? ConcatInput::picture_and_mask : ConcatInput::none;
    if (more == latent + 1) return ConcatInput::mask_and_picture;
    return more == latent ? ConcatInput::picture : ConcatInput::none;
}

Shape ModelSpec::latent_shape(std::int64_t n, int width, int height) const {
    const int step = size_step();
    if (width <= 0 || height <= 0 || width % step != 0 || height % step != 0)
        throw Error(fmt::format(
            "the size {} x {} does not fit this model: width and height must be multiples of {}",
            width, height, step));
    return {n, first_stage.embed_dim, height / autoencoder_factor(), width / autoencoder_factor()};
}

void ModelSpec::expect_supported(const std::string& name) const {
    if (problems.empty()) return;
    throw Error(fmt::format("{}: {}: {}", name, family, fmt::join(problems, "; ")));
}

ModelSpec spec_from_settings(const io::Json& config, std::string family) {
    ModelSpec spec{.family = std::move(family)};
    try {
        read_settings(config, spec);
        expect_fitting(spec);
    } catch (const Error& error) {
        spec.problems.push_back(error.what());
    }
    return spec;
}

std::string name_of(ddpm::Parameterization parameterization) {
    switch (parameterization) {
        case ddpm::Parameterization::eps:
            return "eps";
        case ddpm::Parameterization::x0:
            return "x0";
        case ddpm::Parameterization::v:
            return "v";
    }
    return "";
}

std::string name_of(Key key) {
    switch (key) {
        case Key::none:
            return "none";
        case Key::concat:
            return "concat";
        case Key::crossattn:
            return "crossattn";
        case Key::hybrid:
            return "hybrid";
        case Key::adm:
            return "adm";
    }
    return "";
}

}  // namespace ldm::pipeline
