#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>

namespace ldm::train {

/// How long a training may take; without a limit it goes on until it is stopped. What comes first
/// ends it.
struct Limits {
    /// Counted from the very first step.
    std::int64_t max_steps = std::numeric_limits<std::int64_t>::max();
    /// Of this program: after a break the clock starts anew.
    double max_minutes = std::numeric_limits<double>::infinity();
};

enum class Stop { not_yet, steps, minutes, interrupted };

/// The progress line of a training, and whether it should stop:
///
///     StepReport report("autoencoder", step, limits);
///     while (report.stop() == Stop::not_yet) {
///         const float loss = train_on(batches.next());
///         report.step(loss, batch_size);
///     }
///     save();  // also after Ctrl-C, which ends no more than the loop
///     if (report.stop() == Stop::interrupted) throw report::Interrupted();
///
/// Needs the InterruptGuard of a program's frame (report::run_guarded). On a terminal the line is
/// shown on stderr and goes when the object does; elsewhere one line a minute stays.
class StepReport {
public:
    /// `first_step` steps were done before, by a training that this one continues.
    StepReport(std::string what, std::int64_t first_step, const Limits& limits);
    ~StepReport();
    StepReport(const StepReport&) = delete;
    StepReport& operator=(const StepReport&) = delete;

    /// One more step is done.
    void step(double loss, std::int64_t samples);

    /// Whether to stop after this step, and why.
    Stop stop() const;

    /// from the very first
    std::int64_t steps() const { return done_; }
    /// since this object was made
    double seconds() const;

private:
    using Clock = std::chrono::steady_clock;
    void show();

    std::string what_;
    std::int64_t first_, done_, samples_ = 0;
    Limits limits_;
    /// of the last steps: one alone jumps too much to be read
    std::deque<double> losses_;
    bool on_terminal_;
    Clock::time_point start_ = Clock::now(), shown_ = start_;
};

/// What the line says.
struct StepLine {
    /// steps before this program and until now
    std::int64_t first = 0, done = 0;
    /// of this program
    std::int64_t samples = 0;
    /// of this program
    double seconds = 0;
    double loss = 0;
    Limits limits = {};
};

/// wider than any line
inline constexpr int whole_line = 1000;

/// "autoencoder [#####.....] 200/1000, loss 0.1234, 35.2 samples/s, 3:20 min left", fitted into a
/// terminal of so many columns as report::progress_line is.
std::string step_line(const std::string& what, const StepLine& line, int columns = whole_line);

}  // namespace ldm::train
