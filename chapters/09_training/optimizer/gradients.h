#pragma once

#include <optional>

#include "chapters/09_training/optimizer/trainable.h"

/// What happens to gradients between the tape and the optimizer.

namespace ldm::train {

/// The gradient of that name; an Error that names it when there is none.
const Tensor& gradient_of(const Weights& gradients, const std::string& name);

/// All zero, in the shapes of the weights.
Weights zeros_like(const Weights& weights);

/// The global norm: the Euclidean length of all gradients taken as one vector. Not finite if any of
/// their numbers is not.
double gradient_norm(const Weights& gradients);

/// Gradient clipping by global norm (torch.nn.utils.clip_grad_norm_): times
/// min(1, max_norm / (norm + 1e-6)). `norm` is the gradients' gradient_norm(). The given gradients
/// stay as they are: a tape may have handed the same numbers to several names.
Weights clipped(const Weights& gradients, double norm, double max_norm);

/// Gradient accumulation: sum <- sum + share part. An empty sum counts as zeros. For one step from
/// several micro-batches that would not fit into memory at once: with share 1 / n the sum is the
/// gradient of their mean.
void accumulate(Weights& sum, const Weights& part, double share = 1.0);

/// The first name, alphabetically, under which a number is NaN or infinite.
std::optional<std::string> first_not_finite(const Weights& weights);

}  // namespace ldm::train
