#include "common/io/mapped_file.h"

#include <string>

#include "common/io/atomic_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;

TEST_CASE("MappedFile: the bytes of a file, also of an empty one") {
    test::TemporaryFolder folder;
    io::write_text_file(folder / "a", "some bytes");
    const io::MappedFile file(folder / "a");
    CHECK(std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()) ==
          "some bytes");
    io::write_text_file(folder / "b", "");
    CHECK(io::MappedFile(folder / "b").bytes().empty());
    CHECK_THROWS_WITH(io::MappedFile(folder / "c"), test::has_text("c: cannot open: No such file"));
    CHECK_THROWS_WITH(io::MappedFile("/dev/null"), test::has_text("not a regular file"));
}
