#include "common/ops/compute_context.h"

#include <atomic>
#include <thread>

#include "common/ops/conv2d.h"
#include "common/ops/matmul.h"
#include "common/parallel.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::noise;

TEST_CASE("a scope changes this thread's context and gives it back") {
    {
        const ops::WithPrecision bf16(ops::Precision::bf16);
        const ops::WithCudnn without({.conv2d = false});
        CHECK(ops::compute_context().precision == ops::Precision::bf16);
        CHECK(!ops::compute_context().cudnn.conv2d);
        std::thread([] {
            CHECK(ops::compute_context().precision == ops::Precision::f32);
            CHECK(ops::compute_context().cudnn.conv2d);
        }).join();
        const ops::ComputeContext mine = ops::compute_context();
        std::thread([mine] {
            const ops::WithContext scope(mine);
            CHECK(ops::compute_context().precision == ops::Precision::bf16);
        }).join();
    }
    CHECK(ops::compute_context().precision == ops::Precision::f32);
    CHECK(ops::compute_context().cudnn.conv2d);
}

TEST_CASE("a product keeps its precision while another thread changes its own") {
    const Tensor x = noise({70, 300}, 1), weight = noise({60, 300}, 2);
    const Tensor image = noise({1, 64, 16, 16}, 3), kernel = noise({64, 64, 3, 3}, 4);
    const auto all = [&] {
        return std::vector<Tensor>{ops::linear(x, weight), ops::conv2d(image, kernel, {})};
    };
    const std::vector<Tensor> exact = all();
    std::atomic<bool> done = false;
    std::atomic<int> changes = 0;
    std::thread other([&] {
        while (!done) {
            const ops::WithPrecision bf16(ops::Precision::bf16);
            (void)ops::linear(x, weight);
            ++changes;
        }
    });
    int wrong = 0, products = 0;
    while (products < 1000 || changes < 100) {
        const std::vector<Tensor> now = all();
        for (std::size_t i = 0; i < now.size(); ++i, ++products)
            wrong += !close(now[i], exact[i], 0).empty();
    }
    done = true;
    other.join();
    CHECK(wrong == 0);
}

TEST_CASE("two threads multiply with two precisions at the same time, each with its own") {
    if (!ops::has_bf16_products()) {
        WARN("not tested: this processor has no products of bfloat16");
        return;
    }
    const Tensor a = noise({6, 40, 50}, 1), b = noise({6, 50, 30}, 2);
    const auto product_with = [&](ops::Precision precision) {
        const ops::WithPrecision scope(precision);
        return ops::matmul(a, b);
    };
    const Tensor f32 = product_with(ops::Precision::f32), bf16 = product_with(ops::Precision::bf16);
    REQUIRE(close(f32, bf16, 0) != "");
    std::atomic<int> wrong = 0;
    const auto repeat = [&](ops::Precision precision, const Tensor& expected) {
        for (int i = 0; i < 1000; ++i)
            if (!close(product_with(precision), expected, 0).empty()) ++wrong;
    };
    std::thread other(repeat, ops::Precision::bf16, bf16);
    repeat(ops::Precision::f32, f32);
    other.join();
    CHECK(wrong == 0);
}

TEST_CASE("FLOPs are counted on the thread that asked for it, by the textbook formula") {
    const Tensor x = noise({2, 3, 5, 5}, 1), weight = noise({4, 3, 3, 3}, 2);
    const ops::FlopCounter counter;
    (void)ops::conv2d(x, weight, {});
    CHECK(counter.flops() == 2.0 * 4 * 3 * 9 * 2 * 3 * 3);
    {
        const ops::FlopCounter inner;
        (void)ops::matmul(noise({5, 2, 3}, 1), noise({5, 3, 4}, 2));
        CHECK(inner.flops() == 2.0 * 5 * 2 * 3 * 4);
    }
    CHECK(counter.flops() == 2.0 * 4 * 3 * 9 * 2 * 3 * 3);
    std::thread([&] { (void)ops::conv2d(x, weight, {}); }).join();
    CHECK(counter.flops() == 2.0 * 4 * 3 * 9 * 2 * 3 * 3);
}
