#include "common/nn/moment.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;

TEST_CASE("a moment comes back from its file as it was") {
    const test::TemporaryFolder folder;
    const Tensor x = test::noise({1, 2, 3, 5}, 1), context = test::noise({1, 4, 6}, 2);
    nn::write_moment(folder.path(), {.caption = "caf\u00e9",
                                     .example = 3,
                                     .t = 400,
                                     .tensors = {{"x", x}, {"context", context}}});

    const nn::Moment moment = nn::read_moment(folder.path());
    CHECK(moment.caption == "caf\u00e9");
    CHECK(moment.example == 3);
    CHECK(moment.t == 400);
    CHECK(test::close(moment.at("x"), x, 0.0) == "");
    CHECK(test::close(moment.at("context"), context, 0.0) == "");
    CHECK_THROWS_WITH(moment.at("output_blocks.9.0"),
                      test::has_text("output_blocks.9.0") && test::has_text("context, x"));
}

TEST_CASE("a folder without a moment is an error that names the file") {
    const test::TemporaryFolder folder;
    CHECK_THROWS_WITH(nn::read_moment(folder.path()), test::has_text("moment.safetensors"));
}
