#include "common/ops/frozen_weight.h"

#include <thread>
#include <vector>

#include "common/autograd/tape.h"
#include "common/io/half.h"
#include "common/ops/compute_context.h"
#include "common/ops/conv2d.h"
#include "common/ops/matmul.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::noise;

namespace {

/// A tensor of 16-bit numbers, as a mapped checkpoint gives it.
Tensor as_half(const Tensor& x, DType dtype) {
    const auto numbers = std::make_shared<std::vector<std::uint16_t>>(x.size());
    // an address, also of none
    numbers->reserve(1);
    if (dtype == DType::f16)
        io::float_to_half(x.values(), *numbers);
    else
        io::float_to_bfloat16(x.values(), *numbers);
    return Tensor::borrow(x.shape(), numbers->data(), numbers, dtype);
}

struct Case {
    Shape x, weight;
    ops::Conv2dOptions options;
};

}  // namespace

TEST_CASE("a frozen weight gives the same bits as the tensor, in every stored type") {
    const ops::Precision precision = GENERATE(ops::Precision::f32, ops::Precision::bf16);
    const ops::WithPrecision scope(precision);
    const DType dtype = GENERATE(DType::f32, DType::f16, DType::bf16);
    const auto stored = [&](const Tensor& x) {
        return dtype == DType::f32 ? ops::detach(x) : as_half(x, dtype);
    };
    for (const auto& [rows, in, out] : std::vector<std::array<std::int64_t, 3>>{
             {1, 1, 1}, {3, 7, 40}, {77, 768, 50}, {100, 1300, 33}, {50, 20, 5}, {2, 0, 6}}) {
        CAPTURE(rows, in, out);
        const Tensor x = noise({rows, in}, 1), bias = noise({out}, 3);
        const auto frozen = ops::FrozenWeight::from(stored(noise({out, in}, 2)));
        REQUIRE(frozen);
        const Tensor y = ops::linear(x, frozen.as_float(), bias);
        CHECK(close(ops::linear(x, frozen, bias), y, 0) == "");
        // packed before
        CHECK(close(ops::linear(x, frozen, bias), y, 0) == "");
    }
    const Case convolutions[] = {
        {{2, 5, 9, 7}, {70, 5, 3, 3}, {.padding = ops::Padding::all(1)}},
        {{2, 3, 8, 8}, {33, 3, 4, 4}, {.stride = 2}},
        {{3, 700, 4, 4}, {9, 700, 1, 1}, {}},
        {{1, 300, 6, 5}, {40, 300, 3, 3}, {.padding = ops::Padding::all(1)}},
        // Winograd's
        {{2, 64, 16, 16}, {65, 64, 3, 3}, {.padding = ops::Padding::all(1)}},
        {{1, 65, 33, 35}, {64, 65, 3, 3}, {.padding = ops::Padding::all(1)}}};
    for (const Case& c : convolutions) {
        CAPTURE(to_string(c.x), to_string(c.weight));
        const Tensor x = noise(c.x, 1), bias = noise({c.weight[0]}, 3);
        const auto frozen = ops::FrozenWeight::from(stored(noise(c.weight, 2)));
        REQUIRE(frozen);
        CHECK(close(ops::conv2d(x, frozen, bias, c.options),
                    ops::conv2d(x, frozen.as_float(), bias, c.options), 0) == "");
    }
}

TEST_CASE("what can still be written to is not frozen, and what is frozen cannot be written to") {
    Tensor mine = noise({4, 4}, 1);
    CHECK(!ops::FrozenWeight::from(mine));
    mine.data()[0] = 1.0f;
    const auto frozen = ops::FrozenWeight::from(std::move(mine));
    REQUIRE(frozen);
    CHECK_THROWS_WITH(Tensor(frozen.stored()).data(), test::has_text("may only be read"));
}

TEST_CASE("each precision has its packed form") {
    if (!ops::has_bf16_products()) return;
    const Tensor x = noise({40, 50}, 1);
    const auto frozen = ops::FrozenWeight::from(noise({60, 50}, 2));
    const auto product = [&](ops::Precision precision, const auto& weight) {
        const ops::WithPrecision scope(precision);
        return ops::linear(x, weight);
    };
    for (int round = 0; round < 2; ++round)
        for (const auto precision : {ops::Precision::f32, ops::Precision::bf16})
            CHECK(close(product(precision, frozen), product(precision, frozen.as_float()), 0) ==
                  "");
}

TEST_CASE("gradients go through a frozen weight, and not into it") {
    const Tensor x = noise({2, 64, 9, 9}, 1);
    const auto kernel = ops::FrozenWeight::from(noise({64, 64, 3, 3}, 2));
    const auto matrix = ops::FrozenWeight::from(noise({20, 9}, 3));
    const auto gradient = [&](const auto& a, const auto& b) {
        Tape tape;
        tape.watch(x);
        const Tensor y = ops::linear(ops::conv2d(x, a, {}, {.padding = ops::Padding::all(1)}), b);
        return tape.backward(y, noise(y.shape(), 4)).of(x);
    };
    CHECK(close(gradient(kernel, matrix), gradient(kernel.as_float(), matrix.as_float()), 0) == "");
}

TEST_CASE("several threads may use a frozen weight for the first time") {
    const Tensor x = noise({1, 64, 16, 16}, 1);
    for (int round = 0; round < 5; ++round) {
        int packed = 0;
        const auto weight = ops::FrozenWeight::from(noise({64, 64, 3, 3}, 2), [&] { ++packed; });
        const Tensor y = ops::conv2d(x, weight.as_float(), {});
        std::vector<std::string> differences(3);
        std::vector<std::thread> threads;
        for (std::string& difference : differences)
            threads.emplace_back([&] { difference = close(ops::conv2d(x, weight, {}), y, 0); });
        for (std::thread& thread : threads) thread.join();
        CHECK(differences == std::vector<std::string>(3));
        CHECK(packed == 1);
    }
}

TEST_CASE("16-bit numbers on the CPU become float32 and nothing else") {
    const Tensor x = Tensor::from({4}, {0.0f, -1.5f, 65504.0f, 0.25f});
    CHECK(close(ops::to(as_half(x, DType::f16), DType::f32), x, 0) == "");
    CHECK_THROWS_WITH(ops::to(x, DType::f16), test::has_text("on the cpu no float16"));
    const Tensor half = as_half(x, DType::f16);
    CHECK_THROWS_WITH(half.values(), test::has_text("expected float32"));
}
