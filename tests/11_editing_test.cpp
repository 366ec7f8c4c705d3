#include "chapters/11_editing/verify.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"

using namespace ldm;

TEST_CASE("every stored case of chapter 11 passes", "[editing]") {
    verify::Registry registry;
    editing::register_components(registry);
    for (const char* name : {"DDIMImg2Img", "FoldUnfold", "InpaintBatch", "LatentInpainting"})
        CHECK(registry.contains(name));
    test::check_cases("11_editing", registry);
}
