#include "common/autograd/checkpoint.h"

#include "common/device/memory.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::noise;

namespace {

using Body = std::function<Tensor()>;
using Wrapper = std::function<Tensor(const Body&)>;

const Wrapper plainly = [](const Body& f) { return f(); };

/// Two blocks with skips inside and around them, one weight that both use and that is used outside
/// too, and an input that is no weight: everything whose gradient is a sum of several.
std::vector<Tensor> gradients(const Wrapper& wrapped) {
    const Tensor x = noise({4, 6}, 1), w = noise({6, 6}, 2), v = noise({6}, 3);
    Tape tape;
    for (const Tensor& watched : {x, w, v}) tape.watch(watched);
    const Tensor start = ops::tanh(x * v);
    const Tensor h =
        wrapped([=] { return start + ops::silu(ops::linear(start * start, w, v)) * v; });
    const Tensor y = wrapped([=] { return ops::linear(h * start, w) + h.reshape({4, 6}) * x; });
    const Tensor end = ops::matmul(y, w) + h + start + y * y;
    const Gradients found = tape.backward({{end, noise({4, 6}, 4)}, {h, noise({4, 6}, 5)}});
    return {end, found.of(x), found.of(w), found.of(v)};
}

void check_same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(close(a[i], b[i], 0.0) == "");
}

}  // namespace

TEST_CASE(
    "checkpoint: gradients are the same to the last bit, by themselves and one inside the other") {
    const auto expected = gradients(plainly);
    CHECK(ops::sum(ops::abs(expected[1])).item() > 1.0f);
    check_same_bits(gradients(checkpoint), expected);
    check_same_bits(
        gradients([](const Body& f) { return checkpoint([f] { return checkpoint(f); }); }),
        expected);
    check_same_bits(
        gradients([](const Body& f) { return checkpoint([f] { return checkpoint(f) * 1.0f; }); }),
        expected);
}

TEST_CASE("checkpoint: gradients of a long sum, which no other order of additions would give") {
    const auto run = [](const Wrapper& wrapped) {
        const Tensor x = noise({1000}, 1);
        Tape tape;
        tape.watch(x);
        Tensor y = x;
        for (int i = 0; i < 20; ++i)
            y = wrapped([=] { return y * 0.37f + ops::tanh(x) * x; }) + x * 0.1f;
        return std::vector{y, tape.backward(y, noise({1000}, 2)).of(x)};
    };
    check_same_bits(run(checkpoint), run(plainly));
}

TEST_CASE("checkpoint: f runs once, and once more only where a gradient flows") {
    const Tensor x = noise({3}, 1), w = noise({3}, 2);
    int runs = 0;
    const auto f = [&] { return ++runs, x * w; };
    (void)checkpoint(f);
    // no tape
    CHECK(runs == 1);
    Tape tape;
    // nobody asks
    CHECK_FALSE(needs_gradient(checkpoint(f)));
    CHECK(runs == 2);
    tape.watch(w);
    const Tensor y = checkpoint(f), unused = checkpoint(f);
    CHECK(needs_gradient(y));
    CHECK(runs == 4);
    CHECK(close(tape.backward(y, Tensor::full({3}, 1)).of(w), x, 0.0) == "");
    CHECK(runs == 5);
    CHECK(close(tape.backward(y, Tensor::full({3}, 2)).of(w), 2.0f * x, 0.0) == "");
    CHECK(runs == 6);
    const NoGradient pause;
    CHECK_FALSE(needs_gradient(checkpoint(f)));
}

TEST_CASE("checkpoint: only the gradients that are wanted") {
    const Tensor x = noise({3}, 1), w = noise({3}, 2);
    Tape tape;
    tape.watch(x), tape.watch(w);
    int runs = 0;
    const Tensor early = checkpoint([&] { return ++runs, x * x; });
    const Tensor y = checkpoint([&] { return ops::tanh(early) * w; });
    const Gradients g = tape.backward(y, Tensor::full({3}, 1), {w});
    CHECK(close(g.of(w), ops::tanh(early), 0.0) == "");
    CHECK(runs == 1);
}

TEST_CASE("checkpoint: a constant, and an input handed through") {
    const Tensor x = noise({3}, 1), c = noise({3}, 2);
    Tape tape;
    tape.watch(x);
    CHECK_FALSE(needs_gradient(checkpoint([&] { return c; })));
    CHECK_FALSE(needs_gradient(checkpoint([&] {
        (void)(x * x);
        return c * c;
    })));
    const Tensor same = checkpoint([&] { return x; });
    CHECK(same.id() == x.id());
    CHECK(close(tape.backward(same * c, Tensor::full({3}, 1)).of(x), c, 0.0) == "");
}

TEST_CASE("checkpoint: an f that throws leaves the tape as it was") {
    const Tensor x = noise({3}, 1);
    Tape tape;
    tape.watch(x);
    CHECK_THROWS_AS(checkpoint([]() -> Tensor { fail("no"); }), Error);
    CHECK_THROWS_AS(checkpoint([&] { return x * x + noise({2}, 2); }), Error);
    CHECK(needs_gradient(x));
    CHECK(close(tape.backward(x * x, Tensor::full({3}, 1)).of(x), 2.0f * x, 0.0) == "");
}

TEST_CASE("checkpoint: the memory of one block instead of all") {
    constexpr int blocks = 16, steps = 8;
    constexpr std::int64_t size = 100'000, bytes = 4 * size;
    const auto peak = [&](const Wrapper& wrapped) {
        const Tensor x = noise({size}, 1);
        forget_memory_peak();
        const std::int64_t before = memory_use().now;
        Tape tape;
        tape.watch(x);
        Tensor h = x;
        for (int block = 0; block < blocks; ++block)
            h = wrapped([h] {
                Tensor y = h;
                for (int i = 0; i < steps; ++i) y = ops::tanh(y);
                return y;
            });
        (void)tape.backward(h, Tensor::full({size}, 1.0f));
        return memory_use().peak - before;
    };
    const std::int64_t all = peak(plainly), one = peak(checkpoint);
    INFO("peak " << all << " bytes without, " << one << " with checkpoints");
    CHECK(all >= blocks * steps * bytes);
    // every block's result and its gradient, one block's steps and their gradients, and a few
    // tensors on the way
    CHECK(one <= (2 * blocks + 2 * steps + 4) * bytes);
}
