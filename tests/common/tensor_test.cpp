#include "common/tensor/tensor.h"

#include <limits>

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using ldm::test::has_text;

TEST_CASE("reshape shares the numbers, everything else returns new ones") {
    Tensor x = Tensor::from({2, 3}, {0, 1, 2, 3, 4, 5});
    Tensor y = x.reshape({3, -1});
    CHECK(y.shape() == Shape{3, 2});
    CHECK(y.id() == x.id());
    Tensor z = x + 1.0f;
    CHECK(z.id() != x.id());
    CHECK(x.data()[0] == 0.0f);
    CHECK(x.dim(-1) == 3);
}

TEST_CASE("a wrong shape says the place, what was expected and what was there") {
    const Tensor x({2, 3});
    CHECK_THROWS_WITH(expect_shape(x, {2, 4}),
                      has_text("expected [2, 4], got [2, 3]") && has_text("tensor_test.cpp"));
    CHECK_THROWS_WITH(x.dims<4>(), has_text("expected 4 axes, got [2, 3]"));
    CHECK_THROWS_WITH(x.reshape({4, 2}), has_text("cannot reshape [2, 3] to [4, 2]"));
    CHECK_THROWS_WITH(x + Tensor({2, 2}), has_text("[2, 3] and [2, 2] do not broadcast"));
    CHECK_THROWS_WITH(Tensor({-1, 2}), has_text("no tensor has the shape"));
    CHECK_THROWS_WITH(Tensor({std::numeric_limits<std::int64_t>::max(), 2}),
                      has_text("no tensor has the shape"));
    CHECK_THROWS_WITH(x.ints(), has_text("expected int32"));
}

TEST_CASE("the checks of the tests notice NaN and other shapes") {
    const Tensor x = Tensor::from({2}, {1.0f, std::numeric_limits<float>::quiet_NaN()});
    CHECK(test::close(x, x, 1e9) != "");
    CHECK(test::close(Tensor::zeros({2}), Tensor::zeros({2, 1}), 1e9) != "");
}

TEST_CASE("axes move and parts come apart") {
    const Tensor x = Tensor::from({2, 3}, {0, 1, 2, 3, 4, 5});
    CHECK(test::close(ops::permute(x, {1, 0}), Tensor::from({3, 2}, {0, 3, 1, 4, 2, 5}), 0) == "");
    CHECK(test::close(ops::slice(x, 1, 1, 3), Tensor::from({2, 2}, {1, 2, 4, 5}), 0) == "");
    CHECK(test::close(ops::concat({x, x}, 0),
                      Tensor::from({4, 3}, {0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5}), 0) == "");
    CHECK(test::close(ops::broadcast_to(Tensor::from({2, 1}, {1, 2}), {2, 2, 2}),
                      Tensor::from({2, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2}), 0) == "");
    CHECK_THROWS_WITH(ops::chunk(x, 2, 1), has_text("does not make 2 equal parts"));
}
