#pragma once

#include "common/io/json.h"
#include "common/nn/params.h"

namespace ldm::nn {

/// Adds weights that are computed from their names instead of stored: a recipe object
/// {"name": "procgen-v1", "seed": S, "tensors": [...]} as reference_data/README.md describes it. An
/// entry has a name, a shape, and either mean and std of a normal distribution, whose numbers are
/// generated when a model asks for them, or literal values. Throws an Error for another recipe, for
/// a malformed entry, and for a name that comes twice.
void add_recipe(Checkpoint& checkpoint, const io::Json& recipe);

}  // namespace ldm::nn
