#include "common/report/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "common/io/utf8.h"
#include "common/report/interrupt.h"

namespace ldm::report {

Progress::Progress(std::string what, std::int64_t total)
    : what_(std::move(what)),
      total_(total),
      on_terminal_(::isatty(STDERR_FILENO)),
      start_(Clock::now()),
      shown_(start_) {
    show(start_);
}

Progress::~Progress() {
    // back to the start, erase the line
    if (on_terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::step(std::int64_t count) {
    throw_if_interrupted();
    done_ += count;
    const auto now = Clock::now();
    if (now - shown_ > std::chrono::milliseconds(100) || done_ == total_) show(now);
}

void Progress::show(Clock::time_point now) {
    shown_ = now;
    if (!on_terminal_) return;
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    fmt::print(stderr, "\r\033[K{}",
               progress_line(what_, done_, total_, elapsed, terminal_columns()));
    std::fflush(stderr);
}

Activity::Activity(std::string what) {
    if (!::isatty(STDERR_FILENO)) return;
    clock_ = std::jthread([what = std::move(what)](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any ended;
        std::unique_lock lock(mutex);
        for (int seconds = 0; !stop.stop_requested(); ++seconds) {
            const std::string line =
                seconds == 0 ? what : fmt::format("{}, {}", what, duration_text(seconds));
            fmt::print(stderr, "\r\033[K{}", line.substr(0, terminal_columns() - 1));
            std::fflush(stderr);
            ended.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
        }
    });
}

Activity::~Activity() {
    if (!clock_.joinable()) return;
    clock_.request_stop();
    clock_.join();
    std::fputs("\r\033[K", stderr);
}

void message(const std::string& text) {
    fmt::print(stderr, "{}{}\n", ::isatty(STDERR_FILENO) ? "\r\033[K" : "",
               text::printable_lines(text));
}

std::string progress_line(const std::string& what, std::int64_t done, std::int64_t total,
                          double elapsed_seconds, int columns) {
    const double share =
        total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0)
                  : 1;
    std::string numbers = fmt::format("{}/{}", done, total);
    if (done > 0 && done < total)
        numbers += fmt::format(", {} left", duration_text(elapsed_seconds * (1 - share) / share));
    return fitted_line(what, share, numbers, columns);
}

std::string fitted_line(const std::string& what, double share, const std::string& numbers,
                        int columns) {
    // two blanks and two brackets; terminals wrap when the last column is written
    const int room = columns - 1 - static_cast<int>(what.size() + numbers.size()) - 4;
    if (room < 5) return (what + " " + numbers).substr(0, std::max(columns - 1, 0));
    return what + " " + progress_bar(share, std::min(room, 30)) + " " + numbers;
}

std::string progress_bar(double share, int width) {
    const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
    return fmt::format("[{}{}]", std::string(full, '#'), std::string(width - full, '.'));
}

int terminal_columns() {
    winsize size = {};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string duration_text(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
    return fmt::format("{}:{:02} h", whole / 3600, whole % 3600 / 60);
}

}  // namespace ldm::report
