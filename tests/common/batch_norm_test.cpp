#include "common/ops/batch_norm.h"

#include <omp.h>

#include <algorithm>

#include "common/autograd/tape.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/reference/reference.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::gradients_agree;
using test::noise;
using Inputs = const std::vector<Tensor>&;

TEST_CASE("batch norm is its definition, also far from zero") {
    const float distance = GENERATE(0.0f, 100.0f);
    const Shape shape =
        GENERATE(Shape{2, 3, 5, 7}, Shape{3, 33, 1, 1}, Shape{1, 2, 65, 67}, Shape{7, 4});
    const Tensor x = noise(shape, 1) + distance;
    const Tensor scale = noise({shape[1]}, 2), offset = noise({shape[1]}, 3);
    // 100 +- 1 has two digits fewer
    const double tolerance = distance == 0.0f ? 5e-6 : 2e-4;
    CHECK(close(ops::batch_norm(x, scale, offset, 1e-5f).y,
                ops::reference::batch_norm(x, scale, offset, 1e-5f), tolerance) == "");
}

TEST_CASE("batch norm tells the moments of every channel, the variance divided by the count") {
    const Tensor x = noise({3, 4, 5, 2}, 1);
    const auto [y, moments] = ops::batch_norm(x, noise({4}, 2), noise({4}, 3), 1e-5f);
    const Tensor mean = ops::mean(x, {0, 2, 3});
    CHECK(close(moments.mean, mean, 1e-6) == "");
    CHECK(close(moments.variance, ops::mean(ops::square(x), {0, 2, 3}) - ops::square(mean), 1e-5) ==
          "");
}

TEST_CASE("batch norm by its own moments given is batch norm") {
    const Tensor x = noise({2, 3, 5, 7}, 1), scale = noise({3}, 2), offset = noise({3}, 3);
    const auto [y, moments] = ops::batch_norm(x, scale, offset, 1e-5f);
    CHECK(close(ops::batch_norm(x, moments, scale, offset, 1e-5f), y, 1e-6) == "");
}

TEST_CASE("gradients of batch norm") {
    const auto by_batch = [](Inputs in) { return ops::batch_norm(in[0], in[1], in[2], 1e-5f).y; };
    CHECK(gradients_agree(by_batch, {noise({3, 2, 3, 2}, 1), noise({2}, 2), noise({2}, 3)}) == "");
    CHECK(gradients_agree(by_batch, {noise({1, 3, 3, 17}, 1), noise({3}, 2), noise({3}, 3)}) == "");
    const ops::ChannelStatistics moments{noise({2}, 4), ops::abs(noise({2}, 5)) + 0.5f};
    const auto by_given = [&](Inputs in) {
        return ops::batch_norm(in[0], moments, in[1], in[2], 1e-5f);
    };
    CHECK(gradients_agree(by_given, {noise({3, 2, 3, 2}, 1), noise({2}, 2), noise({2}, 3)}) == "");
}

TEST_CASE("moments may change after a batch norm used them: its gradient stays") {
    const Tensor x = noise({2, 3, 2, 2}, 1), scale = noise({3}, 2), offset = noise({3}, 3),
                 dy = noise({2, 3, 2, 2}, 4);
    ops::ChannelStatistics moments{noise({3}, 5), ops::abs(noise({3}, 6)) + 0.5f};
    const auto gradient = [&](bool change) {
        Tape tape;
        tape.watch(x), tape.watch(scale);
        const Tensor y = ops::batch_norm(x, moments, scale, offset, 1e-5f);
        if (change)
            for (Tensor* moment : {&moments.mean, &moments.variance})
                std::ranges::fill(moment->values(), 9.0f);
        const Gradients all = tape.backward(y, dy);
        return std::pair(all.of(x), all.of(scale));
    };
    const auto before = gradient(false), after = gradient(true);
    CHECK(close(after.first, before.first, 0.0) == "");
    CHECK(close(after.second, before.second, 0.0) == "");
}

TEST_CASE("batch norm does not depend on the number of threads") {
    const Tensor x = noise({3, 9, 31, 33}, 1), scale = noise({9}, 2), dy = noise(x.shape(), 3);
    const auto all = [&] {
        Tape tape;
        tape.watch(x), tape.watch(scale);
        const Tensor y = ops::batch_norm(x, scale, scale, 1e-5f).y;
        const Gradients gradients = tape.backward(y, dy);
        return Tensors{y, gradients.of(x), gradients.of(scale)};
    };
    const int usual = omp_get_max_threads();
    omp_set_num_threads(1);
    const Tensors alone = all();
    omp_set_num_threads(3);
    const Tensors together = all();
    omp_set_num_threads(usual);
    for (std::size_t i = 0; i < alone.size(); ++i) CHECK(close(together[i], alone[i], 0.0) == "");
}

TEST_CASE("batch norm refuses what it cannot level") {
    const Tensor one = noise({1}, 1), two = noise({2}, 2);
    CHECK_THROWS_WITH(ops::batch_norm(noise({1, 2, 1, 1}, 3), two, two, 1e-5f),
                      test::has_text("one number a channel"));
    CHECK_THROWS_WITH(ops::batch_norm(noise({2, 2, 1, 1}, 3), one, two, 1e-5f),
                      test::has_text("expected [2], got [1]"));
    CHECK_THROWS_AS(ops::batch_norm(noise({2, 2, 1, 1}, 3), {one, two}, two, two, 1e-5f), Error);
}
