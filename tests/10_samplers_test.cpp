#include "chapters/10_samplers/verify.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"

using namespace ldm;

TEST_CASE("every stored case of the samplers passes", "[samplers]") {
    verify::Registry registry;
    samplers::register_components(registry);
    test::check_cases("10_samplers", registry);
}
