#include "common/ops/cpu/vector_math.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "tests/support/catch.h"

using namespace ldm::ops::cpu;

namespace {

/// The distance in floats next to the exact value: 1 is the spacing of floats there.
double ulps(float got, double exact) {
    const float nearest = static_cast<float>(exact);
    const double spacing = std::nextafter(std::abs(nearest), INFINITY) - double(std::abs(nearest));
    return std::abs(got - exact) / spacing;
}

double worst(const std::function<Floats(Floats)>& fast, const std::function<double(double)>& exact,
             float low, float high) {
    double largest = 0.0;
    constexpr int samples = 1 << 18;
    for (int i = 0; i < samples; ++i) {
        const float x = low + (high - low) * (float(i) / (samples - 1));
        const double error = ulps(fast(fill(x))[0], exact(x));
        // NaN stays
        if (!(error <= largest)) largest = error;
    }
    return largest;
}

double cumulative(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("exp is within 1.5 units in the last place, down to the smallest floats") {
    const auto fast = [](Floats x) { return exp(x); };
    const auto exact = [](double x) { return std::exp(x); };
    CHECK(worst(fast, exact, -1.0f, 1.0f) < 1.5);
    CHECK(worst(fast, exact, -87.0f, 88.7f) < 1.5);
    CHECK(worst(fast, exact, -103.0f, -87.0f) < 1.5);
}

TEST_CASE("exp has the right ends") {
    CHECK(exp(fill(0.0f))[0] == 1.0f);
    CHECK(exp(fill(89.0f))[0] == infinity);
    CHECK(exp(fill(infinity))[0] == infinity);
    CHECK(exp(fill(-infinity))[0] == 0.0f);
    CHECK(exp(fill(std::numeric_limits<float>::lowest()))[0] == 0.0f);
    CHECK(std::isnan(exp(fill(NAN))[0]));
}

TEST_CASE("sigmoid is within 3 units in the last place") {
    CHECK(worst([](Floats x) { return sigmoid(x); },
                [](double x) { return 1 / (1 + std::exp(-x)); }, -80.0f, 80.0f) < 3.0);
    CHECK(sigmoid(fill(-infinity))[0] == 0.0f);
    CHECK(std::isnan(sigmoid(fill(NAN))[0]));
}

TEST_CASE("normal_cdf keeps its digits where 1 + erf loses them") {
    const auto fast = [](Floats x) { return normal_cdf(x); };
    CHECK(worst(fast, cumulative, -1.0f, 1.0f) < 3.0);
    CHECK(worst(fast, cumulative, 0.0f, 10.0f) < 1.5);
    CHECK(worst(fast, cumulative, -12.9f, 0.0f) < 7.0);
    CHECK(fast(fill(-infinity))[0] == 0.0f);
    CHECK(fast(fill(infinity))[0] == 1.0f);
    CHECK(std::isnan(fast(fill(NAN))[0]));
}

TEST_CASE("sum_lanes adds every number once") {
    const std::int64_t count = GENERATE(0, 1, 15, 16, 17, 1000, 4096, 9999, 100001);
    std::vector<float> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 1.0f);
    const double sum = sum_lanes(
        count, [&](std::int64_t i, int lanes) { return load_lanes(numbers.data() + i, lanes); });
    CHECK(sum == Approx(0.5 * count * (count + 1)).epsilon(1e-6));
}
