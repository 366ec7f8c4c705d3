#include "common/io/source_tree.h"

#include <filesystem>

#include "common/error.h"
#include "tests/support/catch.h"

TEST_CASE("source tree: the project's files are found, others are named") {
    CHECK(std::filesystem::exists(ldm::io::in_source_tree("CMakeLists.txt")));
    CHECK_THROWS_WITH(ldm::io::in_source_tree("no/such/file"),
                      ldm::test::has_text("no/such/file: not found"));
}
