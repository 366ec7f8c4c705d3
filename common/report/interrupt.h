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

/// While one of these lives, Ctrl-C (and a polite kill) raises a flag instead of ending the
/// program, so that files can be finished or removed. A second Ctrl-C ends it at once.
class InterruptGuard {
public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

private:
    struct sigaction old_interrupt_ = {}, old_terminate_ = {};
};

/// Whether the flag is up: for loops that want to finish something first.
bool was_interrupted();

/// Throws Interrupted when the flag is up. Long loops call it; Progress does for its steps.
void throw_if_interrupted();

}  // namespace ldm::report
