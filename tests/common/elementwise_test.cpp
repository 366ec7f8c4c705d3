#include "common/ops/elementwise.h"

#include <cmath>
#include <limits>

#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::gradients_agree;
using test::noise;
using Inputs = const std::vector<Tensor>&;

TEST_CASE("softplus is its equation and never overflows") {
    const Tensor x = ops::scale(noise({10007}, 1), 4.0f);
    Tensor expected(x.shape());
    for (std::int64_t i = 0; i < x.size(); ++i)
        expected.data()[i] = std::log(1.0 + std::exp(double(x.data()[i])));
    CHECK(close(ops::softplus(x), expected, 2e-6) == "");
    CHECK(close(ops::softplus(Tensor::from({4}, {1000, 100, -100, -1000})),
                Tensor::from({4}, {1000, 100, 0, 0}), 1e-40) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::softplus(in[0]); }, {noise({3, 5}, 2)}) ==
          "");
}

TEST_CASE("x / c is the quotient, rounded once") {
    Tensor x({999});
    for (int i = 0; i < 999; ++i) x.data()[i] = static_cast<float>(i + 1);
    for (const float c : {3.0f, 7.0f, 10.0f, 127.5f}) {
        const Tensor y = x / c;
        int wrong = 0;
        for (int i = 0; i < 999; ++i) wrong += y.data()[i] != x.data()[i] / c;
        CHECK(wrong == 0);
    }
    CHECK(gradients_agree([](Inputs in) { return in[0] / 3.0f; }, {noise({3, 5}, 2)}) == "");
}

TEST_CASE("leaky_relu has another slope below 0") {
    CHECK(close(ops::leaky_relu(Tensor::from({5}, {-10, -1, 0, 1, 10}), 0.2f),
                Tensor::from({5}, {-2, -0.2f, 0, 1, 10}), 0.0) == "");
    // away from 0, where it has no derivative
    const Tensor x = Tensor::from({6}, {-3, -1, -0.5f, 0.5f, 1, 3});
    CHECK(gradients_agree([](Inputs in) { return ops::leaky_relu(in[0], 0.2f); }, {x}) == "");
}

TEST_CASE("activation functions let what is not a number through") {
    const Tensor nan = Tensor::scalar(std::numeric_limits<float>::quiet_NaN());
    CHECK(std::isnan(ops::softplus(nan).item()));
    CHECK(std::isnan(ops::leaky_relu(nan, 0.2f).item()));
}
