#pragma once

#include <string>
#include <vector>

#include "common/verify/component.h"

namespace ldm::test {

/// Checks every stored case of a chapter against the components that `registry` holds: the folder
/// reference_data/<chapter>, which must not be empty, and, where they are present, the cases of
/// these components in ../shared/cases. A failed comparison fails the running test with its line.
void check_cases(const std::string& chapter, const verify::Registry& registry);

}  // namespace ldm::test
