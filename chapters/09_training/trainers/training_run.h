#pragma once

#include <string>

#include "chapters/09_training/run/step_report.h"
#include "chapters/09_training/run/training_folder.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

/// Trains until the configuration's steps are done, a limit is reached or Ctrl-C comes. In
/// `folder`:
///
///     checkpoints/step_000500.safetensors    the last few states, from which it can be resumed
///     curve.csv, curve.png                   the loss
///     samples/000500.png                     what the model did at that step
///     model/                                 the trained model, written at the end
///
/// A training that was stopped, by whatever means, continues from the last checkpoint of its folder
/// as if nothing had happened, to the last bit: batches and noise follow from seed and step, and
/// the rest is in the state.
///
/// When a gradient or the loss is not finite, or the loss has diverged, the training ends with an
/// Error that names the step, what was not finite, and the last good checkpoint.
///
/// Returns whether it reached its last step.
bool run_training(const std::string& what, Trainer& trainer, const PictureFolder& pictures,
                  const TrainingConfig& config, TrainingFolder& folder, const Limits& limits = {});

}  // namespace ldm::train
