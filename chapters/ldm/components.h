#pragma once

#include "common/verify/verify.h"

namespace ldm::program {

/// What `ldm verify` can check: every component of every chapter, by the names of the reference
/// cases.
[[nodiscard]] verify::Registry known_components();

}  // namespace ldm::program
