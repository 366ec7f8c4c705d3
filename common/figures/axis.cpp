#include "common/figures/axis.h"

#include <fmt/format.h>

#include <cmath>

#include "common/error.h"
#include "common/figures/ticks.h"

namespace ldm::figures {

Axis::Axis(double low, double high, bool log, int tick_count) : low_(low), high_(high), log_(log) {
    expect(!log || (low > 0 && high > 0),
           fmt::format("a logarithmic axis cannot run from {} to {}", low, high));
    if (log) {
        low_ = std::log10(low);
        high_ = std::log10(high);
    }
    if (low_ == high_) {
        low_ -= 0.5;
        high_ += 0.5;
    }
    if (log) {
        for (const double tick : log_ticks(low_, high_)) {
            const double value = std::pow(10.0, tick);
            ticks_.push_back({value, tick_label(value, std::pow(10.0, std::floor(tick + 1e-9)))});
        }
        return;
    }
    const auto values = round_ticks(low_, high_, tick_count);
    const double step = values.size() > 1 ? values[1] - values[0] : 1;
    for (const double value : values) ticks_.push_back({value, tick_label(value, step)});
}

double Axis::place(double value) const {
    const double position = log_ ? (value > 0 ? std::log10(value) : NAN) : value;
    return (position - low_) / (high_ - low_);
}

}  // namespace ldm::figures
