#include "common/tensor/tensor.h"

#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "common/device/memory.h"
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

TEST_CASE("reshape takes only shapes of as many numbers") {
    const Tensor x({2, 3}), empty({0, 4});
    for (const Shape& shape : {Shape{-2, -3}, Shape{-1, -1}, Shape{-1, -1, 6}, Shape{-6, -1},
                               Shape{-1, 4}, Shape{7, -1}, Shape{-1, 0}, Shape{}})
        CHECK_THROWS_WITH(x.reshape(shape),
                          has_text("cannot reshape [2, 3] to " + to_string(shape)));
    // 2^64 is 0 in 64 bits; and which of all extents the -1 is, nothing says
    constexpr std::int64_t two_to_32 = std::int64_t{1} << 32;
    for (const Shape& shape : {Shape{two_to_32, two_to_32}, Shape{-1, two_to_32, two_to_32},
                               Shape{-1, 0}, Shape{-1, -4}, Shape{0, -4}})
        CHECK_THROWS_WITH(empty.reshape(shape), has_text("cannot reshape [0, 4]"));
    CHECK(empty.reshape({-1, 4}).shape() == Shape{0, 4});
    CHECK(empty.reshape({7, 0}).shape() == Shape{7, 0});
    CHECK(x.reshape({-1}).shape() == Shape{6});
    CHECK(Tensor({1}).reshape({}).shape() == Shape{});
}

TEST_CASE("borrowed numbers can be read, and written only in a copy") {
    const auto numbers = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4});
    Tensor x = Tensor::borrow({2, 2}, numbers->data(), numbers);
    CHECK(x.read_only());
    CHECK(std::as_const(x).data() == numbers->data());
    CHECK_THROWS_WITH(x.data(), has_text("may only be read") && has_text("[2, 2]"));
    CHECK_THROWS_WITH(x.values(), has_text("may only be read"));
    CHECK_THROWS_WITH(x.address(), has_text("may only be read"));
    Tensor view = x.reshape({4});
    CHECK_THROWS_WITH(view.data(), has_text("may only be read"));
    Tensor copy = ops::detach(x);
    CHECK(!copy.read_only());
    copy.data()[0] = 7.0f;
    CHECK((*numbers)[0] == 1.0f);
    CHECK(copy.reshape({4}).data()[0] == 7.0f);
}

TEST_CASE("broadcast_to takes memory for its result alone") {
    const Tensor x = Tensor::from({3, 1}, {1, 2, 3});
    const std::int64_t before = memory_use().now;
    forget_memory_peak();
    const Tensor y = ops::broadcast_to(x, {50, 3, 1000});
    CHECK(memory_use().peak - before == y.size() * 4);
    CHECK(y.data()[1000] == 2.0f);
    CHECK(test::close(ops::broadcast_to(Tensor::from({2}, {1, 2}), {2, 1, 2}),
                      Tensor::from({2, 1, 2}, {1, 2, 1, 2}), 0) == "");
    CHECK(test::close(ops::broadcast_to(Tensor::scalar(5), {2, 2}), Tensor::full({2, 2}, 5), 0) ==
          "");
    CHECK(ops::broadcast_to(Tensor({1, 2}), {0, 2}).size() == 0);
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
