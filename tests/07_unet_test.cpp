#include "chapters/07_unet/verify.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"

using namespace ldm;

TEST_CASE("chapter 07 agrees with PyTorch on every stored case") {
    verify::Registry registry;
    unet::register_components(registry);
    test::check_cases("07_unet", registry);
}
