#pragma once

#include "chapters/09_training/trainers/training_condition.h"

namespace ldm::conditioners {

/// "class_label" for `ldm train diffusion`: the class of each picture, with ClassEmbedder as a
/// token of the context, or, with the conditioning key "adm", as a label that the UNet adds to its
/// time embedding. The classes are those of the data set in alphabetical order ("class_names" of
/// the model). A class is left out with probability "ucg_rate" (0.1), for classifier-free guidance:
/// the label is then the last one, n_classes - 1, which no picture has.
///
/// "params" are ClassEmbedder's "n_classes", "embed_dim" and "key", and "ucg_rate"; with "adm" that
/// alone, for the UNet has "num_classes".
[[nodiscard]] train::ConditionKinds class_condition();

}  // namespace ldm::conditioners
