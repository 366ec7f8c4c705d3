#pragma once

#include "chapters/09_training/optimizer/trainable.h"

namespace ldm::train {

/// Updates weights from their gradients. It takes the weights once, when it is made, and writes
/// into them at every step.
class Optimizer {
public:
    virtual ~Optimizer() = default;

    /// One step. `gradients` must have one for each weight and may have more.
    virtual void step(const Weights& gradients, double learning_rate) = 0;

    /// Its state (torch.optim.Optimizer.state_dict), sharing its memory: read_weights() into this
    /// and the next step is, to the last bit, the one that would have come.
    virtual Weights state() = 0;
};

}  // namespace ldm::train
