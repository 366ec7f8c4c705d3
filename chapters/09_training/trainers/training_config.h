#pragma once

#include "chapters/01_ddpm/learning_rate.h"
#include "chapters/09_training/data/data_config.h"
#include "chapters/09_training/trainers/optimized_weights.h"
#include "common/ops/precision.h"

namespace ldm::train {

/// The settings of every training. The keys of its JSON file:
///
///     "seed"            everything random follows from it (0)
///     "steps"           how many optimizer steps
///     "batch_size"      pictures that are computed at once
///     "accumulate_grad_batches"  micro-batches whose gradients are accumulated for one step (1)
///     "precision"       "f32", or "bf16" for products twice as fast where the processor has them
///     "learning_rate"
///     "scale_lr"        learning rates are of one picture: they are multiplied by
///                       accumulate_grad_batches times batch_size (false; upstream: main.py)
///     "lr_schedule"     {"class": one of upstream's lr_scheduler.py, "args": {...}}, the factor of
///                       the learning rate at each step (always 1)
///     "optimizer"       {"name": "adam", "adamw" or "muon", ...}: make_optimizer() (adamw)
///     "max_grad_norm"   gradients of a larger norm are clipped to it (0: never)
///     "ema_decay"       of the exponential moving average (0.999; 0: none)
///     "data"            DataConfig
///     "checkpoint_every", "sample_every"  in steps (500, 1000)
///     "keep_checkpoints"  how many stay (2)
///
/// and those of the trainer, such as "model" and "loss".
struct TrainingConfig {
    /// where it is computed; no key, for a training may go on elsewhere
    Device device = Device::cpu;
    std::uint64_t seed = 0;
    std::int64_t steps = 0;
    int batch_size = 0;
    int accumulate_grad_batches = 1;
    ops::Precision precision = ops::Precision::f32;
    /// by how much "scale_lr" multiplies learning rates
    double lr_scale = 1.0;
    /// times lr_scale
    double learning_rate = 0.0;
    /// multiplier at step 0, 1, ...
    ddpm::LearningRate lr_schedule;
    OptimizedWeights::Config optimized;
    DataConfig data;
    std::int64_t checkpoint_every = 500, sample_every = 1000;
    int keep_checkpoints = 2;
};

/// Reads the keys above. `own_keys` are the trainer's; any other is an Error that names it.
TrainingConfig read_training_config(const io::Json& json, const std::vector<std::string>& own_keys);

}  // namespace ldm::train
