#include "chapters/06_spatial_transformer/verify.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"

using namespace ldm;

TEST_CASE("chapter 06 agrees with PyTorch on every stored case") {
    verify::Registry registry;
    spatial_transformer::register_components(registry);
    test::check_cases("06_spatial_transformer", registry);
}
