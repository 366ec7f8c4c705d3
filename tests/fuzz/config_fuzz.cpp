// Random JSON as the configuration of a model or of a training: everything that reads one, short of
// the weights, rejects it with an ldm::Error or accepts it.

#include <algorithm>
#include <memory>

#include "chapters/01_ddpm/schedule.h"
#include "chapters/02_vae/config.h"
#include "chapters/03_clip/text_encoder.h"
#include "chapters/03_clip/towers.h"
#include "chapters/07_unet/config.h"
#include "chapters/07_unet/layout.h"
#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/09_training/trainers/diffusion_trainer.h"
#include "chapters/09_training/trainers/training_config.h"
#include "common/nn/model_source.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

using namespace ldm;
using fuzz::attempt;

namespace {

/// What would only cost memory: weights of that size are made for a whole model.
bool is_large(const io::Json& json) {
    if (json.is_number()) return json.get<double>() > 4096;
    if (!json.is_structured()) return false;
    return json.size() > 64 || std::ranges::any_of(json, is_large);
}

void build_model(const io::Json& config) {
    auto checkpoint = std::make_unique<nn::Checkpoint>();
    checkpoint->load_nothing();
    const pipeline::LatentDiffusion model({pipeline::spec_from_settings(config, "fuzzed"),
                                           nn::ModelSource(config, std::move(checkpoint))});
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    return fuzz::mutate_json(data, size, most, seed);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    io::Json json;
    bool valid = false;
    attempt([&] {
        json = io::parse_json(fuzz::text_of(data, size), "config");
        valid = true;
    });
    if (!valid) return 0;
    const auto several = fuzz::Lines::several;
    const auto part = [&](const char* key) { return io::get_or(json, key, json); };
    attempt([&] { train::read_training_config(json, train::DiffusionTrainer::own_keys()); },
            several);
    attempt([&] { unet::layout(unet::Config::from_json(part("unet_config"))); });
    attempt([&] { vae::Config::from_json(part("ddconfig")); });
    attempt([&] { clip::TextEncoder::Config::from_json(part("text_config")); });
    attempt([&] { clip::Towers::from_json(part("cond_stage_config")); });
    attempt([&] { static_cast<void>(ddpm::Schedule::from_json(json)); });
    attempt([&] { pipeline::spec_from_settings(json, "fuzzed"); }, several);
    if (!is_large(json)) attempt([&] { build_model(json); }, several);
    return 0;
}
