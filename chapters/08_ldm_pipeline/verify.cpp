#include "chapters/08_ldm_pipeline/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/01_ddpm/verify_support.h"
#include "chapters/08_ldm_pipeline/ddim.h"
#include "chapters/08_ldm_pipeline/first_stage.h"
#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/08_ldm_pipeline/prompt/contexts.h"
#include "chapters/08_ldm_pipeline/tiny_decoder.h"
#include "chapters/08_ldm_pipeline/to_uint8.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::pipeline {
namespace {

using io::Json;

Tensor as_tensor(const std::vector<float>& values) {
    return Tensor::from({static_cast<std::int64_t>(values.size())}, values);
}

Tensor as_tensor(const std::vector<int>& values) {
    return Tensor::ints({static_cast<std::int64_t>(values.size())}, values);
}

void ddim_timesteps(verify::Run& run) {
    io::expect_only_keys(run.config(), {"num_ddpm_timesteps", "list"}, "config");
    const int T = io::get<int>(run.config(), "num_ddpm_timesteps");
    const auto list = io::get<Json>(run.config(), "list");
    for (const Json& item : list) {
        if (!item.is_array() || item.size() != 2 || !item[0].is_string() ||
            !item[1].is_number_integer())
            throw Error("'list': expected pairs like [\"uniform\", 50]");
        const auto method = item[0].get<std::string>();
        const int S = item[1].get<int>();
        run.out(fmt::format("{}_{}", method, S), as_tensor(make_ddim_timesteps(method, S, T)));
    }
}

void ddim_sampler_case(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config,
                         {"eps", "schedule", "S", "eta", "ddim_discretize", "temperature",
                          "log_every_t", "unconditional_guidance_scale"},
                         "config");
    const ddpm::TinyNetwork network(io::get<Json>(config, "eps"));
    const ddpm::Schedule schedule(
        ddpm::Schedule::from_json(io::get_or(config, "schedule", Json::object())));
    const DDIMSampler sampler(schedule,
                              {.S = io::get<int>(config, "S"),
                               .eta = io::get_or(config, "eta", 0.0f),
                               .ddim_discretize = io::get_or(config, "ddim_discretize", "uniform"),
                               .temperature = io::get_or(config, "temperature", 1.0f)});
    const auto context = [&](const char* name) {
        const Tensor given = run.find_in(name);
        return given ? unet::Conditioning{.crossattn = {given}} : unet::Conditioning();
    };
    const auto model = with_guidance(
        [&](const Tensor& x, const Tensor& t, const unet::Conditioning& given) {
            return network(x, t, given.empty() ? Tensor() : given.crossattn[0]);
        },
        context("cond"), context("uncond"),
        io::get_or(config, "unconditional_guidance_scale", 1.0f));
    const ddpm::Known known{run.find_in("x0"), run.find_in("mask")};
    const int log_every_t = io::get_or(config, "log_every_t", 100);
    if (log_every_t < 1) throw Error("'log_every_t': expected 1 or more");

    std::vector<Tensor> x_steps, pred_x0_steps;
    std::int32_t intermediates = 1;
    // for noise, in this step: where something is known, the first is for that
    int calls = 0;
    const auto noise = [&](const Shape&) {
        const bool blends = known.mask && calls++ == 0;
        return ddpm::entry(run.in(blends ? "q_noise" : "noise"),
                           static_cast<std::int64_t>(x_steps.size()));
    };
    (void)sampler.sample(
        model, run.in("x_T"), noise,
        [&](const ddpm::SamplerStep& step) {
            x_steps.push_back(step.x);
            pred_x0_steps.push_back(step.pred_x0);
            if (step.index % log_every_t == 0 || step.index == step.count - 1) ++intermediates;
            calls = 0;
            return true;
        },
        known);
    run.out("x_steps", ddpm::stack(x_steps));
    run.out("pred_x0_steps", ddpm::stack(pred_x0_steps));
    run.out("timesteps", as_tensor(sampler.timesteps()));
    run.out("alphas", as_tensor(sampler.alphas()));
    run.out("alphas_prev", as_tensor(sampler.alphas_prev()));
    run.out("sigmas", as_tensor(sampler.sigmas()));
    run.out("n_intermediates", Tensor::ints({}, std::vector{intermediates}));
}

void to_bytes(verify::Run& run) {
    io::expect_only_keys(run.config(), std::vector<std::string>{}, "config");
    run.out("txt2img", to_uint8(run.in("x")));
    run.out("custom_to_np", custom_to_np(run.in("x")));
    run.out("custom_to_pil", custom_to_pil(run.in("x")));
}

/// A component of this project: both ways through the autoencoder with the scale factor between.
void latent_space(verify::Run& run) {
    const Json& config = run.config();
    io::expect_only_keys(config, {"scale_factor", "first_stage_config"}, "config");
    const auto factor = io::get<float>(config, "scale_factor");
    const auto first_stage =
        FirstStageConfig::from_json(io::get<Json>(config, "first_stage_config"));
    const FirstStageEncoder encode(run.params() / "first_stage_model", first_stage, factor);
    const FirstStageDecoder decode(run.params() / "first_stage_model", first_stage, factor);
    const Tensor z = encode(run.in("x"), run.in("noise"));
    run.out("z", z);
    run.out("picture", decode(z));
}

/// A component of this project: TAESD's decoder.
void tiny_decoder(verify::Run& run) {
    const TinyDecoder decode(run.params(), TinyDecoder::Config::from_json(run.config()));
    run.out("out", decode(run.in("z")));
}

/// The texts of one schedule, of which text b has counts[b] entries.
TextSchedule schedule_of_case(const verify::Run& run) {
    const Tensor ids = ops::to(run.in("input_ids"), Device::cpu),
                 weights = ops::to(run.in("weights"), Device::cpu);
    const auto [texts, chunks, length] = ids.dims<3>();
    expect_shape(weights, ids.shape());
    expect(ids.size() > 0, "there is no text");
    const auto counts = io::get_list_in<int>(run.config(), "counts", 1, 1000, 1000);
    expect(std::ssize(counts) == texts, "'counts': expected one for each text");
    TextSchedule schedule;
    int until = 0;
    for (std::int64_t b = 0; b < texts; ++b) {
        for (int i = 0; i < counts[b]; ++i)
            schedule.entries.push_back({++until, static_cast<std::size_t>(b)});
        std::vector<Chunk>& text = schedule.texts.emplace_back();
        for (std::int64_t i = 0; i < chunks; ++i) {
            const std::int64_t at = (b * chunks + i) * length;
            text.push_back({{ids.ints() + at, ids.ints() + at + length},
                            {weights.data() + at, weights.data() + at + length},
                            {}});
        }
    }
    return schedule;
}

/// A component of this project: texts in chunks with weights, through the text encoder. Each of
/// `insertions` is a text, a chunk and a position where the vectors of a learned word stand.
PromptPlan plan_of_case(const verify::Run& run) {
    TextSchedule schedule = schedule_of_case(run);
    const Tensor vectors = run.find_in("vectors");
    for (const auto& place : io::get<std::vector<std::vector<int>>>(run.config(), "insertions")) {
        expect(vectors && place.size() == 3 && std::ranges::min(place) >= 0 &&
                   place[0] < std::ssize(schedule.texts) &&
                   place[1] < std::ssize(schedule.texts[0]),
               "'insertions': expected triples of text, chunk and position, and 'vectors'");
        schedule.texts[place[0]][place[1]].insertions.push_back({place[2], 0});
    }
    PromptPlan plan{.clip_skip = io::get<int>(run.config(), "clip_skip")};
    if (vectors) plan.embeddings = {{"word", ops::to(vectors, Device::cpu)}};
    plan.pictures.push_back({{{schedule}}, schedule});
    return plan;
}

void weighted_prompt(verify::Run& run) {
    io::expect_only_keys(run.config(), {"text_config", "clip_skip", "counts", "insertions"},
                         "config");
    const TextTower tower =
        TextTower::from_json({.key = "caption",
                              .target = "FrozenCLIPEmbedder",
                              .params = {{"text_config", run.config().at("text_config")}}});
    const auto encoder = make_clip_encoder(run.params(), tower);
    run.out("out",
            ops::concat(contexts_of(plan_of_case(run), *encoder)[0].parts[0].contexts.contexts, 0));
}

}  // namespace

void register_components(verify::Registry& registry) {
    registry["DDIMTimesteps"] = ddim_timesteps;
    registry["DDIMSampler"] = ddim_sampler_case;
    registry["ToUint8"] = to_bytes;
    registry["WeightedPrompt"] = weighted_prompt;
    registry["TinyDecoder"] = verify::in_16_bits_too(tiny_decoder);
    registry["LatentSpace"] = verify::in_16_bits_too(latent_space);
}

}  // namespace ldm::pipeline
