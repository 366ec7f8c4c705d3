#include "common/report/standard_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "tests/support/catch.h"

using namespace ldm;

namespace {

/// The status of a process that prints a line to `path` and ends with `status`.
int status_of(const char* path, int status) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        const int file = ::open(path, O_WRONLY);
        ::dup2(file, STDOUT_FILENO);
        ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
        fmt::print("a line\n");
        ::_exit(report::finish_output("test", status));
    }
    int ended = 0;
    REQUIRE(::waitpid(child, &ended, 0) == child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
}

}  // namespace

TEST_CASE("standard output: what could not be printed is no success") {
    CHECK(status_of("/dev/null", 0) == 0);
    CHECK(status_of("/dev/null", 2) == 2);
    CHECK(status_of("/dev/full", 0) == 1);
    CHECK(status_of("/dev/full", 2) == 2);
}
