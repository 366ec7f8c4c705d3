#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ldm::figures {

/// The numbers along one side of a plot. With `log` they stand at their logarithms.
class Axis {
public:
    /// For values from `low` to `high`. An axis of one value is half a unit wider on either side;
    /// a logarithmic one for values that are not positive is an ldm::Error.
    Axis(double low, double high, bool log, int tick_count);

    /// Where a value stands: 0 at the beginning, 1 at the end, beyond them what lies outside; NaN
    /// for what has no place.
    double place(double value) const;

    /// Round values inside of the range, and their texts.
    struct Tick {
        double value;
        std::string text;
    };
    const std::vector<Tick>& ticks() const { return ticks_; }

private:
    /// of values, or of their base 10 logarithms
    double low_, high_;
    bool log_;
    std::vector<Tick> ticks_;
};

}  // namespace ldm::figures
