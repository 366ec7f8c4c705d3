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
    const Gradients g =
        tape.backward({{y, Tensor::full({2, 3}, 1.0f)}, {z, Tensor::full({6}, 1.0f)}});
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

TEST_CASE("a gradient on the way is kept when it is watched, and never taken for zero") {
    const Tensor x = test::noise({3}, 1);
    Tape tape;
    tape.watch(x);
    const Tensor kept = x * x, passed = kept * 2.0f, y = passed + kept;
    tape.watch(kept);
    const Gradients g = tape.backward(y, Tensor::full({3}, 1.0f));
    CHECK(test::close(g.of(kept), Tensor::full({3}, 3.0f), 0) == "");
    CHECK(test::close(g.of(x), 6.0f * x, 1e-6) == "");
    CHECK_THROWS_WITH(g.of(passed), test::has_text("[3]"));
}

TEST_CASE("the gradient of what is wanted alone goes through nothing else") {
    const Tensor x = test::noise({3}, 1), w = test::noise({3}, 2);
    Tape tape;
    tape.watch(x), tape.watch(w);
    int pulled = 0;
    const Tensor early = Tensor::from({3}, x.values());
    record(early, {x}, [&](const Tensor& dy) -> Tensors { return ++pulled, Tensors{dy}; });
    const Tensor y = early * w;
    CHECK(test::close(tape.backward(y, Tensor::full({3}, 2.0f), {w}).of(w), 2.0f * x, 0) == "");
    CHECK(pulled == 0);
    CHECK(test::close(tape.backward(y, Tensor::full({3}, 2.0f)).of(x), 2.0f * w, 0) == "");
    CHECK(pulled == 1);
}
