#pragma once

#include <optional>

#include "chapters/08_ldm_pipeline/guidance.h"
#include "chapters/08_ldm_pipeline/model_spec.h"
#include "common/io/tensor_file.h"

/// What a UNet predicts: eps, or v. Stable Diffusion 2.x comes as both, with the same names and
/// shapes, and a wrong answer draws noise.

namespace ldm::pipeline {

/// What a file's header says: `modelspec.prediction_type` of its metadata (Stability AI's ModelSpec
/// 1.0: "epsilon", "v"), or a tensor called `v_pred`, which mergers and trainers leave in
/// checkpoints. Throws an Error for another value.
[[nodiscard]] std::optional<ddpm::Parameterization> stated_prediction(const io::TensorFile& file);

/// What the UNet does, asked as AUTOMATIC1111's web UI asks it (modules/sd_models_config.py:
/// is_using_v_parameterization_for_sd2): at the last time step its input is all noise. One that
/// predicts eps gives the input back; one that predicts v = sqrt(ac) eps - sqrt(1 - ac) x0 gives
/// -x0. Input and context are 0.5 everywhere; it is v if the output is below the input by more
/// than 1 in the mean.
[[nodiscard]] ddpm::Parameterization measured_prediction(const ModelSpec& spec,
                                                         const ConditionedModel& unet,
                                                         Device device);

/// Sets what the UNet predicts, also for the scheduler of a folder, and of SD 2.x the size that
/// goes with it.
void set_prediction(ModelSpec& spec, ddpm::Parameterization prediction);

}  // namespace ldm::pipeline
