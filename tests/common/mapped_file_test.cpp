#include "common/io/mapped_file.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <numeric>
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

TEST_CASE("MappedFile: a file that is cut while it is read ends the program with a sentence") {
    test::TemporaryFolder folder;
    const auto path = folder / "model.safetensors";
    io::write_text_file(path, std::string(100'000, 'x'));
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        const io::MappedFile other(LDM_SOURCE_DIR "/LICENSE"), file(path);
        if (::truncate(path.c_str(), 10) != 0) ::_exit(99);
        const auto last = static_cast<const volatile std::byte&>(file.bytes().back());
        ::_exit(last == std::byte{0} ? 98 : 97);
    }
    ::close(ends[1]);
    // it may come in several pieces
    std::string said;
    char piece[1000];
    for (ssize_t length; (length = ::read(ends[0], piece, sizeof(piece))) > 0;)
        said.append(piece, static_cast<std::size_t>(length));
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 1);
    CHECK(said == path.string() + ": the file became shorter while it was read\n");
}

#ifdef __linux__
namespace {

/// How much of files this process holds in memory, in bytes ("shared" of /proc/self/statm).
std::int64_t resident_file_bytes() {
    std::ifstream file("/proc/self/statm");
    std::int64_t total = 0, resident = 0, shared = 0;
    file >> total >> resident >> shared;
    return shared * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("MappedFile: what was forgotten leaves memory and can be read again") {
    constexpr std::int64_t size = 32 << 20;
    test::TemporaryFolder folder;
    io::write_text_file(folder / "large", std::string(size, 1));
    const io::MappedFile file(folder / "large");
    const auto sum = [&] {
        return std::accumulate(
            file.bytes().begin(), file.bytes().end(), std::int64_t{0},
            [](std::int64_t sum, std::byte b) { return sum + std::to_integer<int>(b); });
    };

    REQUIRE(sum() == size);
    const std::int64_t before = resident_file_bytes();
    // no whole page at either end
    file.forget(file.bytes().subspan(100, size - 200));
    CHECK(before - resident_file_bytes() > size / 2);
    CHECK(sum() == size);
    file.forget(file.bytes().first(10));
    file.forget(file.bytes().subspan(size, 0));
}
#endif
