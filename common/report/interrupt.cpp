#include "common/report/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <string_view>

namespace ldm::report {
namespace {

// A signal handler can reach nothing but globals.
std::atomic<bool> flag = false;
std::atomic<bool> on_terminal = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void raise_flag(int signal) {
    if (flag.exchange(true)) {
        std::signal(signal, SIG_DFL);
        std::raise(signal);
    }
}

/// Only what a handler may call: write and _exit.
extern "C" void exit_at_once(int) {
    // back to the start of a line that shows progress, and erase it
    const std::string_view text = on_terminal ? "\r\033[Kstopped\n" : "stopped\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(interrupted_status);
}

}  // namespace

InterruptGuard::InterruptGuard(OnInterrupt reaction) {
    flag = false;
    on_terminal = ::isatty(STDERR_FILENO) != 0;
    struct sigaction action = {};
    action.sa_handler = reaction == OnInterrupt::exit ? exit_at_once : raise_flag;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &old_interrupt_);
    sigaction(SIGTERM, &action, &old_terminate_);
    sigaction(SIGHUP, nullptr, &old_hang_up_);
    if (old_hang_up_.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
    sigaction(SIGINT, &old_interrupt_, nullptr);
    sigaction(SIGTERM, &old_terminate_, nullptr);
    sigaction(SIGHUP, &old_hang_up_, nullptr);
    flag = false;
}

bool was_interrupted() { return flag; }

void throw_if_interrupted() {
    if (was_interrupted()) throw Interrupted();
}

}  // namespace ldm::report
