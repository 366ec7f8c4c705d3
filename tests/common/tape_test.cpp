#include "common/autograd/tape.h"

#include "common/ops/elementwise.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;

TEST_CASE("an op records only if a tape is active and an input is watched") {
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
    // dy/dx + dz/dx = 2 + 2 * 3
    CHECK(test::close(g.of(x), Tensor::full({2, 3}, 8.0f), 0) == "");
}

TEST_CASE("tapes nest: while the inner one lives, the outer one records nothing") {
    const Tensor x = test::noise({2}, 1);
    Tape outer;
    outer.watch(x);
    Tensor made_inside;
    {
        Tape inner;
        CHECK_FALSE(needs_gradient(x));
        made_inside = x * 2.0f;
    }
    CHECK(needs_gradient(x));
    const Tensor dy = Tensor::full({2}, 1.0f);
    CHECK(test::close(outer.backward(made_inside, dy).of(x), Tensor::zeros({2}), 0) == "");
    CHECK(test::close(outer.backward(x * 2.0f, dy).of(x), Tensor::full({2}, 2.0f), 0) == "");
}

TEST_CASE("a watched intermediate keeps its gradient; asking for an unwatched one throws") {
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

TEST_CASE("backward(y, dy, wanted) runs only nodes between y and wanted") {
    const Tensor x = test::noise({3}, 1), w = test::noise({3}, 2);
    Tape tape;
    tape.watch(x);
    tape.watch(w);
    int vjp_calls = 0;
    const Tensor copy_of_x = Tensor::from({3}, x.values());
    record(copy_of_x, {x}, [&](const Tensor& dy) -> Tensors {
        ++vjp_calls;
        return {dy};
    });
    const Tensor y = copy_of_x * w;
    CHECK(test::close(tape.backward(y, Tensor::full({3}, 2.0f), {w}).of(w), 2.0f * x, 0) == "");
    CHECK(vjp_calls == 0);
    CHECK(test::close(tape.backward(y, Tensor::full({3}, 2.0f)).of(x), 2.0f * w, 0) == "");
    CHECK(vjp_calls == 1);
}
