#include "common/report/progress.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "common/io/atomic_file.h"
#include "common/report/interrupt.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm::report;

TEST_CASE("progress: the line says what, how far, how much longer") {
    CHECK(progress_line("drawing", 0, 30, 0) == "drawing [..............................] 0/30");
    CHECK(progress_line("drawing", 15, 30, 4) ==
          "drawing [###############...............] 15/30, 4 s left");
    CHECK(progress_line("drawing", 30, 30, 8) == "drawing [##############################] 30/30");
    CHECK(progress_line("nothing", 0, 0, 1).ends_with("0/0"));
    // what a narrow terminal would wrap would stay there for ever
    for (int columns = 1; columns < 100; ++columns)
        CHECK(static_cast<int>(progress_line("drawing", 15, 30, 4, columns).size()) < columns);
    CHECK(progress_line("drawing", 15, 30, 4, 40) == "drawing [######.......] 15/30, 4 s left");
    CHECK(progress_line("drawing", 15, 30, 4, 30) == "drawing 15/30, 4 s left");
    CHECK(progress_bar(0.5) == "[###############...............]");
    CHECK(progress_bar(-1) == progress_bar(0));
    CHECK(progress_bar(7) == progress_bar(1));
    CHECK(duration_text(59.4) == "59 s");
    CHECK(duration_text(65) == "1:05 min");
    CHECK(duration_text(2 * 3600 + 180) == "2:03 h");
}

TEST_CASE("progress: Ctrl-C is noticed at the next step") {
    const InterruptGuard guard;
    Progress progress("waiting", 3);
    CHECK_NOTHROW(progress.step());
    CHECK_FALSE(was_interrupted());
    std::raise(SIGINT);
    CHECK(was_interrupted());
    CHECK_THROWS_AS(progress.step(), Interrupted);
    CHECK_THROWS_AS(throw_if_interrupted(), Interrupted);
}

TEST_CASE("interrupt: a new guard starts with a clear flag") {
    {
        const InterruptGuard guard;
        std::raise(SIGTERM);
        CHECK_THROWS_AS(throw_if_interrupted(), Interrupted);
    }
    const InterruptGuard guard;
    CHECK_NOTHROW(throw_if_interrupted());
}

TEST_CASE("interrupt: a terminal that goes away is a Ctrl-C, unless nohup ignores it") {
    {
        const InterruptGuard guard;
        std::raise(SIGHUP);
        CHECK(was_interrupted());
    }
    std::signal(SIGHUP, SIG_IGN);
    {
        const InterruptGuard guard;
        std::raise(SIGHUP);
        CHECK_FALSE(was_interrupted());
    }
    std::signal(SIGHUP, SIG_DFL);
}

TEST_CASE(
    "interrupt: a guard that exits ends the program at once, but not while files are written") {
    const pid_t child = ::fork();
    if (child == 0) {
        const InterruptGuard guard(OnInterrupt::exit);
        {
            const InterruptGuard files;
            std::raise(SIGINT);
            if (!was_interrupted()) ::_exit(1);
        }
        std::raise(SIGINT);
        ::_exit(2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == interrupted_status);
}

TEST_CASE("message: one line on stderr") {
    const ldm::test::TemporaryFolder folder;
    std::fflush(stderr);
    const int terminal = ::dup(STDERR_FILENO);
    const int file = ::open((folder / "err").c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(file, STDERR_FILENO);
    message("left out: a.png");
    std::fflush(stderr);
    ::dup2(terminal, STDERR_FILENO);
    ::close(terminal);
    ::close(file);
    CHECK(ldm::io::read_text_file(folder / "err") == "left out: a.png\n");
}
