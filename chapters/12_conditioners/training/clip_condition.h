#pragma once

#include "chapters/09_training/trainers/training_condition.h"

namespace ldm::conditioners {

/// "clip_embedding" for `ldm train diffusion`: tokens that are vectors of CLIP's common space, of
/// length 1 ("Semi-Parametric Neural Image Synthesis", Blattmann et al., 2022). A micro-batch is
/// told, each with a third of the probability, by
///
///     the caption's embedding           one token
///     the picture's own                 one token
///     those of its nearest neighbours   1 to "k_nn" of the other pictures of the training; in half
///                                       of the cases after the caption's, as scripts/knn2img.py
///                                       gives both
///
/// so that the model can be told by words, by a picture and by what an index finds. A picture is
/// left out with probability "ucg_rate" (0.1), for classifier-free guidance: its tokens are then 0,
/// as upstream's (scripts/knn2img.py).
///
/// The vectors are those of the initial model's CLIP. "params": "k_nn" (4), "ucg_rate".
[[nodiscard]] train::ConditionKinds clip_condition();

}  // namespace ldm::conditioners
