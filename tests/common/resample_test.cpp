#include "common/ops/resample.h"

#include <cmath>
#include <limits>

#include "common/autograd/tape.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::gradients_agree;
using test::noise;

TEST_CASE("max_pool2d takes the largest pixel of each block and drops a remainder") {
    //
    const Tensor x = Tensor::from({1, 2, 3, 5}, {1, 2, 3, 4, 50,
                                                 //
                                                 5, 0, -1, -2, 50,
                                                 //
                                                 9, 9, 9, 9, 50,
                                                 //
                                                 -1, -2, -5, -7, 0,
                                                 //
                                                 -3, -4, -6, -8, 0, 0, 0, 0, 0, 0});
    CHECK(close(ops::max_pool2d(x, 2), Tensor::from({1, 2, 1, 2}, {5, 4, -1, -5}), 0.0) == "");
    CHECK(close(ops::max_pool2d(x, 3), Tensor::from({1, 2, 1, 1}, {9, 0}), 0.0) == "");
    CHECK(ops::max_pool2d(x, 4).shape() == Shape{1, 2, 0, 1});
}

TEST_CASE("the gradient of max_pool2d goes to the largest pixel") {
    Tensor x({2, 3, 5, 7});
    // no two are alike
    for (std::int64_t i = 0; i < x.size(); ++i)
        x.data()[i] = 0.1f * static_cast<float>(i * 37 % x.size());
    CHECK(gradients_agree([](const std::vector<Tensor>& in) { return ops::max_pool2d(in[0], 2); },
                          {x}) == "");
}

TEST_CASE("of pixels that are equally large the first takes the gradient") {
    const Tensor x = Tensor::from({1, 1, 2, 4}, {0, 7, 0, 0, 7, 7, 0, 0});
    Tape tape;
    tape.watch(x);
    const Tensor y = ops::max_pool2d(x, 2);
    const Tensor dx = tape.backward(y, Tensor::from({1, 1, 1, 2}, {3, 5})).of(x);
    CHECK(close(dx, Tensor::from({1, 1, 2, 4}, {0, 3, 5, 0, 0, 0, 0, 0}), 0.0) == "");
}

TEST_CASE("max_pool2d lets what is not a number through, wherever it stands") {
    for (int place = 0; place < 4; ++place) {
        Tensor x = Tensor::from({1, 1, 2, 2}, {4, 3, 2, 1});
        x.data()[place] = std::numeric_limits<float>::quiet_NaN();
        CHECK(std::isnan(ops::max_pool2d(x, 2).item()));
    }
}
