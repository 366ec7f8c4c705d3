#include "common/figures/ticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ldm::figures {

std::vector<double> round_ticks(double low, double high, int count) {
    if (!(high > low) || count < 1) return {low};
    const double rough = (high - low) / count;
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= rough * 0.999) {
            step = factor * power;
            break;
        }
    std::vector<double> ticks;
    // steps 0 to 999 have a tick at 1000
    const double slack = (high - low) * 2e-3;
    for (double k = std::ceil((low - slack) / step); k * step <= high + slack; ++k)
        ticks.push_back(k == 0 ? 0 : k * step);
    return ticks;
}

std::vector<double> log_ticks(double low, double high) {
    std::vector<double> steps = {1, 2, 5};
    if (high - low > 1.5) steps = {1, 3};
    if (high - low > 3) steps = {1};
    // decades
    const double every = std::max(1.0, std::ceil((high - low) / 6));
    std::vector<double> ticks;
    for (double decade = std::floor(low / every) * every; decade <= high; decade += every)
        for (const double step : steps)
            if (const double tick = decade + std::log10(step); tick >= low && tick <= high)
                ticks.push_back(tick);
    return ticks;
}

std::string tick_label(double value, double step) {
    if (value == 0) return "0";
    if (std::abs(value) >= 1e5 || std::abs(value) < 1e-4) return fmt::format("{:.2g}", value);
    const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
    return fmt::format("{:.{}f}", value, decimals);
}

}  // namespace ldm::figures
