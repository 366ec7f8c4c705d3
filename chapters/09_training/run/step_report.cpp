#include "chapters/09_training/run/step_report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

#include "common/report/interrupt.h"
#include "common/report/progress.h"

namespace ldm::train {
namespace {

constexpr std::size_t shown_losses = 20;
constexpr double without_end = std::numeric_limits<double>::infinity();

}  // namespace

StepReport::StepReport(std::string what, std::int64_t first_step, const Limits& limits)
    : what_(std::move(what)),
      first_(first_step),
      done_(first_step),
      limits_(limits),
      on_terminal_(::isatty(STDERR_FILENO)) {}

StepReport::~StepReport() {
    // back to the start, erase the line
    if (on_terminal_) std::fputs("\r\033[K", stderr);
}

double StepReport::seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
}

void StepReport::step(double loss, std::int64_t samples) {
    ++done_;
    samples_ += samples;
    losses_.push_back(loss);
    if (losses_.size() > shown_losses) losses_.pop_front();
    const auto pause = on_terminal_ ? std::chrono::milliseconds(100) : std::chrono::minutes(1);
    if (Clock::now() - shown_ > pause) show();
}

Stop StepReport::stop() const {
    if (report::was_interrupted()) return Stop::interrupted;
    if (done_ >= limits_.max_steps) return Stop::steps;
    if (seconds() >= limits_.max_minutes * 60) return Stop::minutes;
    return Stop::not_yet;
}

void StepReport::show() {
    shown_ = Clock::now();
    const double loss =
        std::accumulate(losses_.begin(), losses_.end(), 0.0) / static_cast<double>(losses_.size());
    const std::string line = step_line(what_, {first_, done_, samples_, seconds(), loss, limits_},
                                       on_terminal_ ? report::terminal_columns() : whole_line);
    fmt::print(stderr, "{}{}{}", on_terminal_ ? "\r\033[K" : "", line, on_terminal_ ? "" : "\n");
    std::fflush(stderr);
}

std::string step_line(const std::string& what, const StepLine& line, int columns) {
    const bool counts_steps = line.limits.max_steps != Limits().max_steps;
    // steps of this program
    const auto here = static_cast<double>(line.done - line.first);
    const double by_steps =
        counts_steps && here > 0
            ? line.seconds / here * static_cast<double>(line.limits.max_steps - line.done)
            : without_end;
    const double by_clock = line.limits.max_minutes * 60 - line.seconds;
    const double left = std::max(0.0, std::min(by_steps, by_clock));

    // The bar is about the limit that will be reached first.
    double share = std::isfinite(by_clock) ? line.seconds / (line.limits.max_minutes * 60) : 0;
    if (counts_steps && by_steps <= by_clock)
        share = static_cast<double>(line.done) /
                static_cast<double>(std::max<std::int64_t>(1, line.limits.max_steps));

    std::string text = std::to_string(line.done);
    text += counts_steps ? fmt::format("/{}", line.limits.max_steps) : " steps";
    text += fmt::format(", loss {:.4g}", line.loss);
    if (line.seconds > 0) {
        const double speed = static_cast<double>(line.samples) / line.seconds;
        text += speed < 100 ? fmt::format(", {:.3g} samples/s", speed)
                            : fmt::format(", {:.0f} samples/s", speed);
    }
    if (std::isfinite(left)) text += fmt::format(", {} left", report::duration_text(left));
    return report::fitted_line(what, share, text, columns);
}

}  // namespace ldm::train
