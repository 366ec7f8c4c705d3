#pragma once

#include <sys/resource.h>

#include <csignal>

namespace ldm::test {

/// While it lives no file can grow beyond `bytes`: writing fails as on a full disk, after the first
/// bytes were taken.
class FullDisk {
public:
    explicit FullDisk(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &previous_);
        const rlimit limit = {bytes, previous_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FullDisk() {
        ::setrlimit(RLIMIT_FSIZE, &previous_);
        std::signal(SIGXFSZ, handler_);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

private:
    rlimit previous_ = {};
    // an error, not the end of the program
    void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

}  // namespace ldm::test
