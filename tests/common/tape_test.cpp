#include "common/autograd/tape.h"

#include "common/ops/elementwise.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;

TEST_CASE("without a tape, and for what nobody watches, nothing is recorded") {
    const Tensor x = test::noise({3}, 1), w = test::noise({3}, 2);
    CHECK_FALSE(needs_gradient(x));
    Tape tape;
    tape.watch(w);
    CHECK(needs_gradient(w));
    CHECK_FALSE(needs_gradient(x * x));
    CHECK(needs_gradient(x * w));
    {
        NoGradient pause;
        CHECK_FALSE(needs_gradient(x * w));
    }
    const Tensor y = x * w;
    const Gradients g = tape.backward(y, Tensor::full({3}, 1.0f));
    CHECK(test::close(g.of(w), x, 0) == "");
    CHECK(test::close(g.of(x), Tensor::zeros({3}), 0) == "");
}

TEST_CASE("a result used twice receives both gradients, also through reshape") {
    const Tensor x = test::noise({2, 3}, 1);
    Tape tape;
    tape.watch(x);
    const Tensor y = x * 2.0f;
    const Tensor z = y.reshape({6}) * 3.0f;
    const Gradients g = tape.backward({{y, Tensor::full({2, 3}, 1.0f)}, {z, Tensor::full({6}, 1.0f)}});
    CHECK(test::close(g.of(x), Tensor::full({2, 3}, 8.0f), 0) == "");
}

TEST_CASE("tapes nest: the inner one takes the notes while it lives") {
    const Tensor x = test::noise({2}, 1);
    Tape outer;
    outer.watch(x);
    {
        Tape inner;
        CHECK_FALSE(needs_gradient(x));
    }
    CHECK(needs_gradient(x));
}
