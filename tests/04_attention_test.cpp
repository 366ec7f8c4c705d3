#include "chapters/04_attention/verify.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"

namespace ldm::attention {

TEST_CASE("04_attention agrees with PyTorch on every stored case") {
    verify::Registry registry;
    register_components(registry);
    test::check_cases("04_attention", registry);
}

}  // namespace ldm::attention
