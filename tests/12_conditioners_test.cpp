#include "chapters/12_conditioners/verify.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"

using namespace ldm;

TEST_CASE("every stored case of chapter 12") {
    verify::Registry registry;
    conditioners::register_components(registry);
    for (const char* name :
         {"TransformerWrapper", "BERTEmbedder", "TransformerEmbedder", "BERTTokenizer",
          "ClassEmbedder", "SpatialRescaler", "FrozenClipImageEmbedder", "AttentionPool2d",
          "EncoderUNetModel", "KnnSearch"})
        CHECK(registry.contains(name));
    test::check_cases("12_conditioners", registry);
}
