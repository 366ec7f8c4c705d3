#pragma once

#include <string>
#include <vector>

namespace ldm::figures {

/// Round numbers that divide [low, high] into about `count` parts.
std::vector<double> round_ticks(double low, double high, int count);

/// Base 10 logarithms of round numbers, for an axis from 10^low to 10^high: of 1, 2, 5, 10, ..., of
/// 1, 3, 10, ... or of 1, 10, ..., by the range.
std::vector<double> log_ticks(double low, double high);

/// A tick's number with as many decimals as the distance of the ticks asks for.
std::string tick_label(double value, double step);

}  // namespace ldm::figures
