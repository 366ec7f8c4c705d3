#include "common/report/spinning.h"

#include <unistd.h>

#include <cstdlib>
#include <initializer_list>

namespace ldm::report {

void limit_spinning(char* const* argv) {
    for (const char* name : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"})
        if (std::getenv(name)) return;
    ::setenv("GOMP_SPINCOUNT", "1000", 1);
    // milliseconds: the least that clang's library knows but 0
    ::setenv("KMP_BLOCKTIME", "1", 1);
    // returns only when the program cannot be started: then it goes on as it is
    ::execv("/proc/self/exe", argv);
}

}  // namespace ldm::report
