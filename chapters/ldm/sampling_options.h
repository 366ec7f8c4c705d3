#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "chapters/08_ldm_pipeline/txt2img.h"

namespace ldm::program {

/// How to get from noise to picture, as the command line says it.
struct SamplingOptions {
    /// empty: the model's
    std::string sampler, schedule;
    std::optional<int> steps;
    std::optional<float> eta, cfg_scale;
    std::string rng = "cpu";
};

/// What stands in a PNG for the schedule of a diffusers folder, which has a scheduler of its own.
inline constexpr const char* schedule_of_folder = "scheduler_config.json";

/// Adds --sampler, --schedule, --steps, --eta, --cfg-scale and --rng.
void add_sampling_options(CLI::App& command, SamplingOptions& options);

/// What is given on the command line before what the model prefers: a diffusers folder the
/// scheduler of its scheduler_config.json, an SD file DPM++ 2M Karras with 20 steps, one of this
/// project what its config.json says. Throws an Error for names that there are not.
pipeline::Txt2ImgRequest sampling_request(const SamplingOptions& options,
                                          const pipeline::ModelSpec& spec);

}  // namespace ldm::program
