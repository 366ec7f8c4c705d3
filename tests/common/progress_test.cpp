#include "common/report/progress.h"

#include <csignal>

#include "common/report/interrupt.h"
#include "tests/support/catch.h"

using namespace ldm::report;

TEST_CASE("progress: the line says what, how far, how much longer") {
    CHECK(progress_line("drawing", 0, 30, 0) == "drawing [..............................] 0/30");
    CHECK(progress_line("drawing", 15, 30, 4) ==
          "drawing [###############...............] 15/30, 4 s left");
    CHECK(progress_line("drawing", 30, 30, 8) == "drawing [##############################] 30/30");
    CHECK(progress_line("nothing", 0, 0, 1).ends_with("0/0"));
    CHECK(duration_text(59.4) == "59 s");
    CHECK(duration_text(65) == "1:05 min");
    CHECK(duration_text(2 * 3600 + 180) == "2:03 h");
}

TEST_CASE("progress: Ctrl-C is noticed at the next step") {
    const InterruptGuard guard;
    Progress progress("waiting", 3);
    CHECK_NOTHROW(progress.step());
    std::raise(SIGINT);
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
