#pragma once

#include "chapters/ldm/drawing_plan.h"

namespace ldm::program {

/// Draws all pictures of a plan with one model, and writes them. Everything that can be refused is
/// refused before the model is loaded. `options` are the command line's: model, files and devices
/// are the same for all pictures.
void run(const DrawingOptions& options, const DrawingPlan& plan);

}  // namespace ldm::program
