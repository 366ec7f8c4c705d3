#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace ldm::report {

/// A line on the terminal for long work: what, how far, how much longer.
///
///     Progress progress("drawing", steps);
///     for (int i = 0; i < steps; ++i) { ...; progress.step(); }
///
/// Nothing is shown when stderr is no terminal. The line is gone when the object is.
class Progress {
public:
    Progress(std::string what, std::int64_t total);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// `count` more are done. Throws Interrupted after Ctrl-C (see interrupt.h).
    void step(std::int64_t count = 1);

private:
    using Clock = std::chrono::steady_clock;
    void show(Clock::time_point now);

    std::string what_;
    std::int64_t total_, done_ = 0;
    bool on_terminal_;
    Clock::time_point start_, shown_;
};

/// A line on the terminal for work that cannot be counted: what, and after a while for how long.
///
///     Activity loading("loading the model");
///
/// Nothing is shown when stderr is no terminal. The line is gone when the object is.
class Activity {
public:
    explicit Activity(std::string what);
    ~Activity();
    Activity(const Activity&) = delete;
    Activity& operator=(const Activity&) = delete;

private:
    // shows the seconds go by
    std::jthread clock_;
};

/// A line of its own on stderr, also while a Progress is shown there (which comes back at its next
/// step).
void message(const std::string& text);

/// The line itself: "drawing [#####.....] 15/30, 4 s left". It is shorter than `columns`, so that a
/// terminal of that width does not wrap it: the bar shrinks, then it goes, then the end is cut.
std::string progress_line(const std::string& what, std::int64_t done, std::int64_t total,
                          double elapsed_seconds, int columns = 80);

/// Any such line: "what [#####.....] numbers", fitted in the same way.
std::string fitted_line(const std::string& what, double share, const std::string& numbers,
                        int columns);

/// "[#####.....]", `width` characters between the brackets, for a share from 0 to 1.
std::string progress_bar(double share, int width = 30);

/// How wide the terminal behind stderr is; 80 when nobody knows.
int terminal_columns();

/// "4 s", "1:05 min", "2:03 h"
std::string duration_text(double seconds);

}  // namespace ldm::report
