#include "common/report/interrupt.h"

#include <atomic>

namespace ldm::report {
namespace {

// A signal handler can reach nothing but a global.
std::atomic<bool> flag = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void raise_flag(int signal) {
    if (flag.exchange(true)) {
        std::signal(signal, SIG_DFL);
        std::raise(signal);
    }
}

}  // namespace

InterruptGuard::InterruptGuard() {
    flag = false;
    struct sigaction action = {};
    action.sa_handler = raise_flag;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &old_interrupt_);
    sigaction(SIGTERM, &action, &old_terminate_);
}

InterruptGuard::~InterruptGuard() {
    sigaction(SIGINT, &old_interrupt_, nullptr);
    sigaction(SIGTERM, &old_terminate_, nullptr);
    flag = false;
}

bool was_interrupted() { return flag; }

void throw_if_interrupted() {
    if (was_interrupted()) throw Interrupted();
}

}  // namespace ldm::report
