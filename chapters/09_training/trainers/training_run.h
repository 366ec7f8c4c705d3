#pragma once

#include <filesystem>
#include <string>

#include "chapters/09_training/run/step_report.h"
#include "chapters/09_training/trainers/trainer.h"
#include "chapters/09_training/trainers/training_config.h"

namespace ldm::train {

struct RunOptions {
    /// the folder of everything below
    std::filesystem::path output;
    /// go on from the last checkpoint there
    bool resume = false;
    Limits limits;
};

/// Trains until the configuration's steps are done, a limit is reached or Ctrl-C comes. In
/// `output`:
///
///     checkpoints/step_000500.safetensors    the last few states, from which it can go on
///     curve.csv, curve.png                   the loss
///     samples/000500.png                     how far it was
///     model/                                 what was learned so far, written at the end
///
/// A training that was stopped, by whatever means, goes on with `resume` from its last checkpoint
/// as if nothing had happened, to the last bit: batches and noise follow from seed and step, and
/// the rest is in the state. `config_json` is kept with every state; going on with another one (but
/// for "steps" and what only says when to write), or with other pictures or captions, is an Error.
///
/// When a gradient or the loss is no number any more, or the loss has exploded, the training ends
/// with an Error that tells the step, what was not finite, and the last good checkpoint.
///
/// Returns whether it reached its last step.
bool run_training(const std::string& what, Trainer& trainer, const PictureFolder& pictures,
                  const TrainingConfig& config, const io::Json& config_json,
                  const RunOptions& options);

}  // namespace ldm::train
