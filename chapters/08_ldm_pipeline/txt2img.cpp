#include "chapters/08_ldm_pipeline/txt2img.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "chapters/08_ldm_pipeline/drawing.h"
#include "chapters/08_ldm_pipeline/to_uint8.h"
#include "common/io/json.h"
#include "common/io/utf8.h"
#include "common/ops/precision.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::pipeline {
namespace {

/// Of a model without a text encoder. Its other conditions (chapter 12) may be guided; vectors of
/// CLIP can be those of a prompt.
void expect_no_text(const Txt2ImgRequest& request, const ModelSpec& spec) {
    const bool has_prompt = std::ranges::any_of(
        request.prompts, [](const std::string& prompt) { return !prompt.empty(); });
    const bool takes_prompts = spec.find_condition("clip_embedding") != nullptr;
    if (spec.is_guided() && ((has_prompt && !takes_prompts) || !request.negative_prompt.empty()))
        throw Error(takes_prompts
                        ? "this model takes no negative prompt: leave out --negative-prompt"
                        : "this model takes no text: leave out --prompt and --negative-prompt");
    if (!spec.is_guided() &&
        (has_prompt || !request.negative_prompt.empty() || request.cfg_scale != 1))
        throw Error(
            "this model takes no text: leave out --prompt, --negative-prompt and --cfg-scale");
}

}  // namespace

std::string quoted(const std::string& value) {
    return value.find_first_of(",:\n\"") == value.npos ? value : io::Json(value).dump();
}

std::string name_of_model(const std::filesystem::path& path) {
    return text::printable((path / "").parent_path().stem().string());
}

Txt2ImgRequest preferred_request(const ModelSpec& spec, const std::string& sampler,
                                 const ddpm::SamplerList& known) {
    Txt2ImgRequest request;
    request.width = request.height = spec.image_size;
    request.sampler = find_sampler(known, sampler.empty() ? spec.sampler : sampler);
    if (request.sampler.name == spec.sampler) {
        request.steps = spec.steps;
        request.schedule = spec.sampler_schedule;
    }
    request.cfg_scale = spec.cfg_scale;
    return request;
}

std::unique_ptr<ddpm::Sampler> sampler_of(const Txt2ImgRequest& request,
                                          const ddpm::Schedule& schedule) {
    return request.sampler.make(schedule, {.steps = request.steps,
                                           .eta = request.eta,
                                           .schedule = request.schedule,
                                           .seeds = request.seeds});
}

void expect_possible(const Txt2ImgRequest& request, const ModelSpec& spec) {
    const auto n = std::ssize(request.prompts);
    if (n == 0) throw Error("there is no prompt to draw");
    if (n != std::ssize(request.seeds))
        throw Error(fmt::format("{} prompts and {} seeds: each picture needs one of both", n,
                                request.seeds.size()));
    if (!spec.text_tower) expect_no_text(request, spec);
    // both throw for what the model or the sampler cannot do
    spec.latent_shape(n, request.width, request.height);
    (void)sampler_of(request, spec.make_schedule());
}

PromptPlan plan_of(const LatentDiffusion& model, const Txt2ImgRequest& request) {
    return model.plan({.prompts = request.prompts,
                       .negative_prompt = request.negative_prompt,
                       .syntax = request.syntax,
                       .steps = step_count(request, model.spec()),
                       .embeddings = request.embeddings,
                       .clip_skip = request.clip_skip});
}

void expect_draws_from_noise(const ModelSpec& spec) {
    if (spec.concat_input() == ConcatInput::low_resolution)
        throw Error("this model enlarges pictures and draws none from a prompt: it is for upscale");
    if (spec.concat_input() == ConcatInput::segmentation)
        throw Error("this model draws from a semantic map: name one with --segmentation");
    if (spec.concat_input() != ConcatInput::none)
        throw Error(
            "this model changes pictures and draws none from a prompt alone: it is for img2img "
            "(instruct-pix2pix) or inpaint");
}

Txt2ImgResult txt2img(const LatentDiffusion& model, const Txt2ImgRequest& request,
                      const ddpm::Observer& observer) {
    expect_draws_from_noise(model.spec());
    return draw(model, request, noise_of(request, model.device()), {}, observer);
}

int step_count(const Txt2ImgRequest& request, const ModelSpec& spec) {
    return sampler_of(request, spec.make_schedule())->steps();
}

image::Image to_uint8_image(const Tensor& pictures, std::int64_t index) {
    const Tensor picture = ops::to(ops::slice(pictures, 0, index, index + 1), Device::cpu);
    const Tensor bytes = to_uint8(picture);  // [1, H, W, 3]
    image::Image image(static_cast<int>(bytes.dim(2)), static_cast<int>(bytes.dim(1)));
    std::copy_n(bytes.ints(), bytes.size(), image.rgb.begin());
    return image;
}

std::string parameters_text(const LatentDiffusion& model, const Txt2ImgRequest& request,
                            std::size_t i) {
    std::string text = request.prompts[i] + "\n";
    if (!request.negative_prompt.empty())
        text += "Negative prompt: " + request.negative_prompt + "\n";
    text += fmt::format("Steps: {}, Sampler: {}, ",
                        request.steps ? *request.steps : step_count(request, model.spec()),
                        request.sampler.label);
    if (!request.schedule_label.empty())
        text += fmt::format("Schedule type: {}, ", request.schedule_label);
    text += fmt::format("CFG scale: {}, Seed: {}, Size: {}x{}, Model: {}", request.cfg_scale,
                        request.seeds[i], request.width, request.height,
                        quoted(name_of_model(model.source().path())));
    if (request.clip_skip > 1) text += fmt::format(", Clip skip: {}", request.clip_skip);
    if (request.syntax == PromptSyntax::plain) text += ", Prompt syntax: plain";
    if (request.eta) text += fmt::format(", Eta: {}", *request.eta);
    // A1111's default is another one than ours
    text += request.rng == RandomStream::cuda ? ", RNG: NV" : ", RNG: CPU";
    const Device device = model.device();
    if (const ops::Precision precision = ops::precision(device); precision != ops::Precision::f32)
        text += ", Precision: " + ops::name_of(precision);
    return text;
}

}  // namespace ldm::pipeline
