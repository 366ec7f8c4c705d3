#pragma once

#include "chapters/09_training/optimizer/trainable.h"

namespace ldm::train {

/// What moves weights against their gradients. It is given the weights once, when it is made, and
/// writes new numbers into them at every step.
class Optimizer {
public:
    virtual ~Optimizer() = default;

    /// One step. `gradients` must have one for each weight and may have more.
    virtual void step(const Weights& gradients, double learning_rate) = 0;

    /// Everything that it remembers from step to step, sharing its memory: read_weights() into this
    /// and the next step is, to the last bit, the one that would have come.
    virtual Weights state() = 0;
};

}  // namespace ldm::train
