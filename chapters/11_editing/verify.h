#pragma once

#include "common/verify/component.h"

namespace ldm::editing {

/// DDIMImg2Img, FoldUnfold and InpaintBatch.
void register_components(verify::Registry& registry);

}  // namespace ldm::editing
