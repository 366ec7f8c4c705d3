#include "chapters/08_ldm_pipeline/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "common/io/tensor_file.h"
#include "common/io/utf8.h"
#include "common/report/table.h"

namespace ldm::pipeline {
namespace {

namespace fs = std::filesystem;

struct Part {
    std::string name, prefix;
};
constexpr const char* last_step = "last_step.";

/// The parts of a model, by what it is: of a file with averages one UNet is drawn with.
std::vector<Part> parts_of(const ModelSpec& spec, const nn::Checkpoint& checkpoint) {
    const bool draws_averages = checkpoint.count(last_step).first > 0;
    const bool has_words = spec.conditions.empty() || spec.find_condition("caption");
    std::vector<Part> parts = {
        {draws_averages ? "UNet (its EMA copy)" : "UNet", "model.diffusion_model."},
        {"autoencoder", "first_stage_model."},
        {has_words ? "text encoder" : "conditioner", "cond_stage_model."},
        {"CLIP with its image tower (not used for drawing)", "clip_model."}};
    if (draws_averages)
        parts.push_back({"UNet of the last training step (not used for drawing)", last_step});
    else
        parts.push_back(
            {"EMA copy of the UNet (not used for drawing)", "model_ema.diffusion_model"});
    return parts;
}

std::string megabytes(std::uintmax_t bytes) {
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

/// "F16, 3.2 MiB, safetensors", or "F16, I64, 3.2 MiB, 3 files: safetensors" where there are more.
std::string description(const std::vector<fs::path>& files) {
    std::set<std::string_view> types, formats;
    std::uintmax_t bytes = 0;
    for (const fs::path& path : files) {
        const io::TensorFile file = io::open_tensor_file(path);
        for (const io::TensorEntry& entry : file.entries()) types.insert(io::name_of(entry.dtype));
        formats.insert(file.format());
        bytes += fs::file_size(path);
    }
    return fmt::format("{}, {}, {}{}", fmt::join(types, ", "), megabytes(bytes),
                       files.size() > 1 ? fmt::format("{} files: ", files.size()) : "",
                       fmt::join(formats, ", "));
}

std::string table_of_parts(const ModelSpec& spec, const nn::Checkpoint& checkpoint) {
    report::Table table({"part", "tensors", "numbers"});
    std::size_t listed = 0;
    for (const auto& [name, prefix] : parts_of(spec, checkpoint)) {
        const auto [tensors, numbers] = checkpoint.count(prefix);
        if (tensors > 0) table.add({name, std::to_string(tensors), std::to_string(numbers)});
        listed += tensors;
    }
    const auto [tensors, numbers] = checkpoint.count("");
    if (tensors > listed) table.add({"other", std::to_string(tensors - listed), ""});
    table.add({"all", std::to_string(tensors), std::to_string(numbers)});
    return table.text();
}

/// The first of the tensors of a file that no part of a model has.
std::string first_tensors(const fs::path& path) {
    const io::TensorFile file = io::open_tensor_file(path);
    constexpr std::size_t shown = 12;
    std::string text;
    for (std::size_t i = 0; i < std::min(shown, file.entries().size()); ++i)
        text += fmt::format("  {} {}\n", text::printable(file.entries()[i].name),
                            text::printable(io::shape_text(file.entries()[i].shape)));
    if (file.entries().size() > shown)
        text += fmt::format("  … and {} more\n", file.entries().size() - shown);
    return text;
}

/// What the UNet is given beside the latents, and so what the model is for.
std::string further_channels(const ModelSpec& spec) {
    switch (spec.concat_input()) {
        case ConcatInput::none:
            return "";
        case ConcatInput::mask_and_picture:
        case ConcatInput::picture_and_mask:
            return "a mask with the rest of the picture (ldm inpaint)";
        case ConcatInput::picture:
            return "a picture to be changed (ldm img2img: instruct-pix2pix)";
        case ConcatInput::low_resolution:
            return "a picture in low resolution (ldm upscale)";
        case ConcatInput::segmentation:
            return "a semantic map (ldm txt2img --segmentation)";
    }
    return "";
}

/// What the UNet is told.
std::vector<std::string> conditions(const ModelSpec& spec) {
    std::vector<std::string> all;
    if (const auto& text = spec.text_tower)
        all.push_back(
            fmt::format("a text tower of {} tokens of width {}", text->length, text->width));
    if (spec.find_condition("class_label"))
        all.push_back(spec.class_names.empty()
                          ? std::string("a class label")
                          : fmt::format("one of {} classes", spec.class_names.size()));
    if (spec.find_condition("clip_embedding")) all.push_back("vectors of CLIP");
    if (spec.concat_input() != ConcatInput::none) all.push_back(further_channels(spec));
    if (all.empty()) all.push_back("nothing");
    return all;
}

/// "linear betas 0.0015 to 0.0195, 1000 steps"
std::string description(const ddpm::Schedule::Config& schedule) {
    const bool given = !schedule.given_betas.empty();
    return fmt::format(
        "{} betas {:g} to {:g}, {} steps", given ? "the file's own" : schedule.beta_schedule,
        given ? schedule.given_betas.front() : schedule.linear_start,
        given ? schedule.given_betas.back() : schedule.linear_end, schedule.timesteps);
}

std::string description(const ModelSpec& spec) {
    const std::string codebook =
        spec.first_stage.n_embed
            ? fmt::format(" by a codebook of {} entries", *spec.first_stage.n_embed)
            : "";
    const std::string scheduler =
        spec.scheduler ? fmt::format("scheduler {}; ", spec.scheduler->class_name()) : "";
    return fmt::format(
        "{}predicts {}; {}; conditioning {}, {}; latents of {} channels{}, 1/{} of the size, scale "
        "factor {:g}\n",
        scheduler,
        spec.prediction_is_known ? name_of(spec.schedule.parameterization)
                                 : "eps or v (no file says which, its UNet will be asked)",
        description(spec.schedule), name_of(spec.conditioning),
        fmt::join(conditions(spec), " and "), spec.first_stage.embed_dim, codebook,
        spec.autoencoder_factor(), spec.scale_factor);
}

/// Whether everything is there; builds the networks without reading weights.
void check_whole(OpenedModel model, const TextTowerKinds& text_towers, Inspection& result) {
    try {
        // no weight is to be read
        model.spec.prediction_is_known = true;
        const LatentDiffusion whole(std::move(model), {.text_towers = text_towers});
        result.whole = true;
        result.text += fmt::format(
            "whole: everything is there to draw pictures of {0} x {0} pixels (multiples of {1})\n",
            whole.spec().image_size, whole.spec().size_step());
    } catch (const Error& error) {
        result.text += fmt::format("not whole: {}\n", text::printable_lines(error.what()));
    }
}

}  // namespace

Inspection inspect(const fs::path& path, const TextTowerKinds& text_towers) {
    OpenedModel model = open_model(path);
    const nn::ModelSource& source = model.source;
    const bool is_supported = model.spec.problems.empty();
    Inspection result;
    result.text =
        fmt::format("{}\n{}, {}\n", path.string(), model.spec.family, name_of(source.layout()));
    if (is_supported) result.text += description(model.spec);
    if (!source.weight_files().empty())
        result.text += fmt::format("weights {}\n\n{}\n", description(source.weight_files()),
                                   table_of_parts(model.spec, source.checkpoint()));
    if (is_supported) {
        check_whole(std::move(model), text_towers, result);
        return result;
    }
    if (source.layout() == nn::ModelSource::Layout::single_file) result.text += first_tensors(path);
    result.text +=
        fmt::format("not supported: {}\n",
                    text::printable_lines(fmt::format("{}", fmt::join(model.spec.problems, "; "))));
    return result;
}

}  // namespace ldm::pipeline
