#pragma once

#include "common/io/json.h"
#include "common/nn/params.h"

namespace ldm::nn {

/// Adds weights that are computed from their names instead of stored: a recipe object
/// {"name": "procgen-v1", "seed": S, "tensors": [...]} as reference_data/README.md describes it.
/// Throws for another recipe name or a malformed entry, naming it.
void add_recipe(Checkpoint& checkpoint, const io::Json& recipe);

}  // namespace ldm::nn
