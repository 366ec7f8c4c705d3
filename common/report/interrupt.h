#pragma once

#include <csignal>
#include <stdexcept>

namespace ldm::report {

/// Thrown where a long loop notices that the person pressed Ctrl-C. Not an ldm::Error: nothing is
/// wrong, and whoever handles errors must not swallow it.
class Interrupted : public std::runtime_error {
public:
    Interrupted() : std::runtime_error("interrupted") {}
};

/// The status of a program that Ctrl-C ended, by the custom of shells.
inline constexpr int interrupted_status = 130;

enum class OnInterrupt {
    /// raise a flag, so that files can be finished or removed; a second Ctrl-C ends at once
    raise_flag,
    /// end the program at once with interrupted_status: for work that leaves nothing behind
    exit,
};

/// While one of these lives, Ctrl-C, a polite kill (SIGTERM) and a terminal that goes away (SIGHUP,
/// unless nohup ignores it) do what it says. One may live inside another's lifetime.
class InterruptGuard {
public:
    explicit InterruptGuard(OnInterrupt reaction = OnInterrupt::raise_flag);
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

private:
    struct sigaction old_interrupt_ = {}, old_terminate_ = {}, old_hang_up_ = {};
};

/// Whether the flag is up: for loops that want to finish something first.
bool was_interrupted();

/// Throws Interrupted when the flag is up. Long loops call it; Progress does for its steps.
void throw_if_interrupted();

}  // namespace ldm::report
