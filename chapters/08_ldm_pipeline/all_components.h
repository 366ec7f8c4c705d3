#pragma once

#include "common/verify/component.h"

namespace ldm::pipeline {

/// Every component of every chapter, by the names of the reference cases.
verify::Registry all_components();

}  // namespace ldm::pipeline
