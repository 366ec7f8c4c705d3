#include "tests/support/tensor_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "common/autograd/tape.h"

namespace ldm::test {
namespace {

double weighted_sum(const Tensor& y, const Tensor& weights) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < y.size(); ++i)
        sum += static_cast<double>(y.data()[i]) * weights.data()[i];
    return sum;
}

}  // namespace

std::string close(const Tensor& got, const Tensor& expected, double tolerance) {
    if (got.shape() != expected.shape())
        return fmt::format("shape {}, expected {}", to_string(got.shape()),
                           to_string(expected.shape()));
    for (std::int64_t i = 0; i < got.size(); ++i) {
        const double difference = std::abs(static_cast<double>(got.data()[i]) - expected.data()[i]);
        if (!(difference <= tolerance))
            return fmt::format("element {} is {}, expected {}", i, got.data()[i],
                               expected.data()[i]);
    }
    return "";
}

Tensor noise(const Shape& shape, int seed, float scale) {
    // The distributions of <random> differ between libraries; twelve uniform numbers do not.
    std::minstd_rand engine(static_cast<unsigned>(seed) + 1);
    Tensor x(shape);
    for (float& value : x.values()) {
        double sum = -6.0;
        for (int i = 0; i < 12; ++i) sum += static_cast<double>(engine()) / std::minstd_rand::max();
        value = static_cast<float>(sum) * scale;
    }
    return x;
}

std::string gradients_agree(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                            std::vector<Tensor> inputs, double tolerance) {
    std::vector<Tensor> gradients;
    Tensor weights;
    {
        Tape tape;
        for (const Tensor& x : inputs) tape.watch(x);
        const Tensor y = f(inputs);
        weights = noise(y.shape(), 99);
        const Gradients all = tape.backward(y, weights);
        for (const Tensor& x : inputs) gradients.push_back(all.of(x));
    }
    for (std::size_t which = 0; which < inputs.size(); ++which) {
        Tensor& x = inputs[which];
        double largest = 1e-3;
        for (float g : gradients[which].values())
            largest = std::max(largest, std::abs(static_cast<double>(g)));
        for (std::int64_t i = 0; i < x.size(); ++i) {
            const float here = x.data()[i];
            // (f(x + step) - f(x - step)) / 2 step, but for errors of step^2
            const auto difference = [&](float step) {
                x.data()[i] = here + step;
                const double above = weighted_sum(f(inputs), weights), up = x.data()[i];
                x.data()[i] = here - step;
                const double below = weighted_sum(f(inputs), weights), down = x.data()[i];
                x.data()[i] = here;
                return (above - below) / (up - down);
            };
            constexpr float step = 1.0f / 32;
            // their errors cancel
            const double expected = (4.0 * difference(step) - difference(2 * step)) / 3.0;
            const double got = gradients[which].data()[i];
            if (!(std::abs(got - expected) <= tolerance * largest))
                return fmt::format("input {}, element {}: gradient {}, differences say {}", which,
                                   i, got, expected);
        }
    }
    return "";
}

}  // namespace ldm::test
