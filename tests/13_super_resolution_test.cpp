#include "chapters/13_super_resolution/verify.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"

using namespace ldm;

TEST_CASE("every stored case of chapter 13 passes", "[super_resolution]") {
    verify::Registry registry;
    super_resolution::register_components(registry);
    for (const char* name : {"Degradation", "Metrics", "JPEGNoise", "LSUNPreprocess", "Model"})
        CHECK(registry.contains(name));
    test::check_cases("13_super_resolution", registry);
}
