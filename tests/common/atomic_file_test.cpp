#include "common/io/atomic_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string_view>

#include "common/error.h"
#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using ldm::test::has_text;
namespace fs = std::filesystem;

TEST_CASE("AtomicFile: a committed file is complete and alone in its folder") {
    test::TemporaryFolder folder;
    const auto path = folder / "out.txt";
    // larger than the buffer
    const std::string large(3 << 20, 'x');
    {
        io::AtomicFile file(path);
        file.write("one ");
        file.write(large);
        file.write(" two");
        CHECK_FALSE(fs::exists(path));
        file.commit();
    }
    CHECK(io::read_text_file(path) == "one " + large + " two");
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("AtomicFile: an exception leaves the old file as it was and nothing beside it") {
    test::TemporaryFolder folder;
    const auto path = folder / "out.txt";
    io::write_text_file(path, "old");
    const auto interrupted = [&] {
        io::AtomicFile file(path);
        file.write("half of the n");
        throw std::runtime_error("Ctrl-C");
    };
    CHECK_THROWS_AS(interrupted(), std::runtime_error);
    CHECK(io::read_text_file(path) == "old");
    CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("AtomicFile: what cannot be written is one clear line") {
    test::TemporaryFolder folder;
    CHECK_THROWS_WITH(io::write_text_file(folder / "no/such/folder/out.txt", "x"),
                      has_text("out.txt: cannot write: No such file or directory"));
    CHECK_THROWS_WITH(io::write_text_file(folder.path(), "x"), has_text("it is a folder"));
    io::write_text_file(folder / "file", "x");
    CHECK_THROWS_WITH(io::make_folder(folder / "file/inside"), has_text("cannot make the folder"));

    // Root may write anywhere, so a folder without rights proves something only for other users.
    fs::create_directory(folder / "closed");
    fs::permissions(folder / "closed", fs::perms::owner_read | fs::perms::owner_exec);
    if (::geteuid() != 0)
        CHECK_THROWS_WITH(io::write_text_file(folder / "closed/out.txt", "x"),
                          has_text("Permission denied"));
    CHECK_THROWS_WITH(io::write_text_file("/proc/out.txt", "x"), has_text("cannot write"));
}

TEST_CASE("AtomicFile: a full disk is an error, whether seen early or late") {
    if (!fs::exists("/dev/full")) return;
    CHECK_THROWS_WITH(io::write_text_file("/dev/full", "small"),
                      has_text("/dev/full: cannot write: No space left on device"));
    CHECK_THROWS_WITH(io::write_text_file("/dev/full", std::string(5 << 20, 'x')),
                      has_text("No space left on device"));
    // it was written to, not replaced
    CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("AtomicFile: a disk that is full half-way leaves nothing behind") {
    test::TemporaryFolder folder;
    {
        const test::FullDisk disk(100'000);
        CHECK_THROWS_WITH(io::write_text_file(folder / "out.txt", std::string(5 << 20, 'x')),
                          has_text("out.txt: cannot write: File too large"));
    }
    CHECK(folder.empty());
}

TEST_CASE("AtomicFile: behind a symbolic link the file is replaced, not the link") {
    test::TemporaryFolder folder;
    io::write_text_file(folder / "real", "old");
    fs::create_symlink(folder / "real", folder / "link");
    io::write_text_file(folder / "link", "new");
    CHECK(fs::is_symlink(folder / "link"));
    CHECK(io::read_text_file(folder / "real") == "new");
}

TEST_CASE("AtomicFile: /dev/stdout takes it when that is a pipe") {
    std::array<int, 2> ends;
    REQUIRE(::pipe(ends.data()) == 0);
    std::fflush(stdout);
    const int terminal = ::dup(STDOUT_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    std::string trouble;
    try {
        io::write_text_file("/dev/stdout", "hello");
    } catch (const std::exception& error) {
        trouble = error.what();
    }
    ::dup2(terminal, STDOUT_FILENO);
    ::close(terminal);
    ::close(ends[1]);
    std::array<char, 16> text;
    const ssize_t count = ::read(ends[0], text.data(), text.size());
    ::close(ends[0]);
    CHECK(trouble == "");
    CHECK(std::string_view(text.data(), std::max<ssize_t>(count, 0)) == "hello");
}

TEST_CASE("reading a file that is not there, or is none") {
    test::TemporaryFolder folder;
    CHECK_THROWS_WITH(io::read_text_file(folder / "missing"), has_text("missing: cannot open"));
    CHECK_THROWS_WITH(io::read_text_file(folder.path()), has_text("not a regular file"));
    // two gigabytes of nothing, which take no room on the disk
    io::write_text_file(folder / "large", "");
    std::filesystem::resize_file(folder / "large", std::uintmax_t{2} << 30);
    CHECK_THROWS_WITH(io::read_text_file(folder / "large"),
                      has_text("at most 1073741824 are read"));
}
