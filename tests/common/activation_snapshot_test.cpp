#include "common/nn/activation_snapshot.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;

TEST_CASE("a snapshot comes back from its file as it was") {
    const test::TemporaryFolder folder;
    const Tensor x = test::noise({1, 2, 3, 5}, 1), context = test::noise({1, 4, 6}, 2);
    nn::write_activation_snapshot(folder.path(), {.caption = "caf\u00e9",
                                                  .example = 3,
                                                  .t = 400,
                                                  .tensors = {{"x", x}, {"context", context}}});

    const nn::ActivationSnapshot snapshot = nn::read_activation_snapshot(folder.path());
    CHECK(snapshot.caption == "caf\u00e9");
    CHECK(snapshot.example == 3);
    CHECK(snapshot.t == 400);
    CHECK(test::close(snapshot.at("x"), x, 0.0) == "");
    CHECK(test::close(snapshot.at("context"), context, 0.0) == "");
    CHECK_THROWS_WITH(snapshot.at("output_blocks.9.0"),
                      test::has_text("output_blocks.9.0") && test::has_text("context, x"));
}

TEST_CASE("a folder without a snapshot is an error that names the file") {
    const test::TemporaryFolder folder;
    CHECK_THROWS_WITH(nn::read_activation_snapshot(folder.path()),
                      test::has_text("activations.safetensors"));
}
