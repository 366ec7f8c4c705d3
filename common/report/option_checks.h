#pragma once

#include <CLI/CLI.hpp>

/// Checks of numbers on a command line that CLI11's own let through.

namespace ldm::report {

/// A whole number from 0 on that 64 bits can hold. For an unsigned option CLI11 takes "-1" and
/// wraps it around, and makes the largest number of what is larger.
CLI::Validator whole_number();

/// A number from `low` to `high`. CLI::Range lets "nan" pass, which compares with nothing.
CLI::Validator number_between(double low, double high);

}  // namespace ldm::report
