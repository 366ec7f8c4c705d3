#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "chapters/09_training/data/batches.h"
#include "chapters/09_training/trainers/optimized_weights.h"
#include "common/image/image.h"

namespace ldm::train {

/// The numbers of a step.
struct StepResult {
    double loss = 0.0;
    /// beside the loss, in the order of Trainer::columns()
    std::vector<double> extras = {};
};

/// What one kind of training is made of: its networks, its loss, how one step is made. Batches,
/// checkpoints, curve and clock are the business of run_training().
class Trainer {
public:
    virtual ~Trainer() = default;

    /// Step `step` (0, 1, …) of the optimizer from the micro-batches `batches`, whose gradients
    /// are accumulated. All randomness depends on the seed and the step alone. Throws NotFinite
    /// when a gradient is not finite.
    virtual StepResult step(std::int64_t step, std::span<const Batch> batches,
                            double learning_rate) = 0;

    /// The names of a step's extras in the curve.
    virtual std::vector<std::string> columns() const { return {}; }

    /// Everything that the next step depends on, sharing its memory: reading a saved state into it
    /// takes the training back there, to the last bit.
    virtual Weights state() = 0;

    /// A picture of what the model does now, with the EMA of its weights.
    virtual image::Image sample() = 0;

    /// Writes the model folder, the parts that were not trained included.
    virtual void write_model(const std::filesystem::path& folder) = 0;
};

}  // namespace ldm::train
