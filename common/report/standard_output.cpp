#include "common/report/standard_output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace ldm::report {

int finish_output(const std::string& name, int status) {
    errno = 0;
    std::cout.flush();
    const bool flushed = std::fflush(stdout) == 0;
    const int error = errno;
    if (flushed && !std::ferror(stdout) && std::cout.good()) return status;
    fmt::print(stderr, "{}: what was printed could not be written{}{}\n", name, error ? ": " : "",
               error ? std::strerror(error) : "");
    return status == 0 ? 1 : status;
}

}  // namespace ldm::report
