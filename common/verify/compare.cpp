#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/verify/verify.h"

namespace ldm::verify {
namespace {

/// Why the two cannot be compared number by number; empty when they can.
std::string why_not_comparable(const Values& expected, const Values* got) {
    if (!got) return "missing";
    if (got->shape != expected.shape)
        return fmt::format("shape {}, wanted {}", to_string(got->shape), to_string(expected.shape));
    if (!std::ranges::all_of(got->numbers, [](double v) { return std::isfinite(v); }))
        return "not finite";
    return "";
}

/// The largest of some numbers, and the sum of their squares.
struct Size {
    double largest = 0.0, squares = 0.0;

    void add(double v) {
        largest = std::max(largest, std::abs(v));
        squares += v * v;
    }
};

/// Where zeros are expected the error itself has to be small.
double share(double error, double of) { return of > 0.0 ? error / of : error; }

}  // namespace

std::optional<double> Comparison::ratio() const {
    if (!error || !tolerance.noise || *tolerance.noise == 0.0) return std::nullopt;
    return *error / *tolerance.noise;
}

Comparison compare(const std::string& name, const Values& expected, const Values* got,
                   Tolerance tolerance) {
    Comparison result{
        .name = name, .tolerance = tolerance, .reason = why_not_comparable(expected, got)};
    if (!result.reason.empty()) return result;
    Size difference;
    for (std::size_t i = 0; i < got->numbers.size(); ++i)
        difference.add(got->numbers[i] - expected.numbers[i]);
    result.error = difference.largest;
    result.passed = difference.largest <= tolerance.tol;
    return result;
}

double bound_in_16_bits(DType dtype) {
    // One rounding is off by at most half of the last bit. A UNet rounds some 300 times in a row,
    // and errors that know nothing of each other add up like the steps of a walk: sqrt(300) = 17.
    // Where numbers nearly cancel before a norm makes them large again, as in the cases with tiny
    // inputs, errors grow with them: 4 times as much is allowed. What is wrong rather than rounded
    // (an index, a sum that lacks a term) is off by about 1, which is 2048 roundings of f16 and 256
    // of bf16.
    const double rounding = dtype == DType::f16 ? 0x1p-11 : 0x1p-8;
    return 64.0 * rounding;
}

Comparison compare_in_16_bits(const std::string& name, const Values& expected, const Values* got,
                              DType dtype) {
    Comparison result{.name = name,
                      .tolerance = {bound_in_16_bits(dtype), std::nullopt},
                      .reason = why_not_comparable(expected, got)};
    if (!result.reason.empty()) return result;
    Size difference, wanted;
    for (std::size_t i = 0; i < got->numbers.size(); ++i) {
        difference.add(got->numbers[i] - expected.numbers[i]);
        wanted.add(expected.numbers[i]);
    }
    result.error = share(difference.largest, wanted.largest);
    result.rms = share(std::sqrt(difference.squares), std::sqrt(wanted.squares));
    result.passed = std::max(*result.error, *result.rms) <= result.tolerance.tol;
    return result;
}

}  // namespace ldm::verify
