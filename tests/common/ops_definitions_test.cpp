// The fast ops against their definitions in common/ops/reference: whole tensors, odd sizes; and the
// promise that an answer depends neither on the number of threads nor on what else is in the batch.

#include <omp.h>

#include <cmath>
#include <numeric>

#include "common/ops/attention.h"
#include "common/ops/conv2d.h"
#include "common/ops/cpu/winograd.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/norm.h"
#include "common/ops/precision.h"
#include "common/ops/reference/reference.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::noise;

namespace {

/// Whether work() gives the same bits on 1, 2, 3 and 7 threads.
bool same_on_all_threads(const std::function<Tensor()>& work) {
    const int usual = omp_get_max_threads();
    omp_set_num_threads(1);
    const Tensor alone = work();
    bool same = true;
    for (int threads : {2, 3, 7}) {
        omp_set_num_threads(threads);
        same = same && std::ranges::equal(work().values(), alone.values());
    }
    omp_set_num_threads(usual);
    return same;
}

/// Whether every entry of a batch gives the bits that it gives alone.
bool same_in_a_batch(const std::function<Tensor(const Tensor&)>& work, const Tensor& batch) {
    const Tensor together = work(batch);
    const std::int64_t entries = batch.dim(0), size = together.size() / entries;
    for (std::int64_t i = 0; i < entries; ++i) {
        Shape one = batch.shape();
        one[0] = 1;
        const Tensor entry = Tensor::from(
            one, batch.values().subspan(i * batch.size() / entries, batch.size() / entries));
        if (!std::ranges::equal(work(entry).values(), together.values().subspan(i * size, size)))
            return false;
    }
    return true;
}

struct Convolution {
    Shape x, weight;
    ops::Conv2dOptions options;
};

const std::vector<Convolution> convolutions = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{2, 3, 9, 7}, {5, 3, 3, 3}, {.padding = ops::Padding::all(1)}},
    {{1, 40, 16, 16}, {33, 40, 3, 3}, {.padding = ops::Padding::all(1)}},
    {{2, 20, 33, 31}, {16, 20, 3, 3}, {.padding = ops::Padding::all(1)}},
    {{3, 64, 8, 8}, {20, 64, 3, 3}, {.padding = ops::Padding::all(1)}},
    {{2, 17, 12, 20}, {33, 17, 1, 1}, {}},
    {{3, 8, 8, 10}, {20, 8, 3, 3}, {.stride = 2, .padding = {0, 0, 1, 1}}},
    {{3, 8, 8, 10}, {20, 8, 3, 3}, {.stride = 2, .padding = ops::Padding::all(1)}},
    {{2, 3, 28, 28}, {7, 3, 14, 14}, {.stride = 14, .padding = {}}},
    {{2, 6, 11, 13}, {7, 6, 5, 3}, {.stride = 2, .padding = {2, 0, 1, 3}}},
    {{1, 2, 5, 5}, {2, 2, 3, 3}, {.padding = ops::Padding::all(3)}},
};

}  // namespace

TEST_CASE("conv2d is its definition") {
    for (const Convolution& c : convolutions) {
        const Tensor x = noise(c.x, 1), weight = noise(c.weight, 2), bias = noise({c.weight[0]}, 3);
        CAPTURE(to_string(c.x), to_string(c.weight));
        const double size = std::sqrt(double(c.weight[1] * c.weight[2] * c.weight[3]));
        CHECK(close(ops::conv2d(x, weight, bias, c.options),
                    ops::reference::conv2d(x, weight, bias, c.options), 5e-6 * size) == "");
        CHECK(close(ops::conv2d(x, weight, {}, c.options),
                    ops::reference::conv2d(x, weight, {}, c.options), 5e-6 * size) == "");
    }
}

TEST_CASE("Winograd's way is the definition, as exactly as the direct way") {
    const ops::Padding padding = GENERATE(ops::Padding::all(1), ops::Padding{0, 1, 2, 0});
    const Shape size = GENERATE(Shape{1, 3, 2, 2}, Shape{2, 5, 7, 9}, Shape{3, 4, 8, 100},
                                Shape{2, 16, 33, 65}, Shape{1, 80, 32, 34});
    const Tensor x = noise(size, 1), weight = noise({30, size[1], 3, 3}, 2), bias = noise({30}, 3);
    const ops::Conv2dOptions options{.stride = 1, .padding = padding};
    CHECK(close(ops::cpu::conv2d_winograd(x, weight, bias, options, {}),
                ops::reference::conv2d(x, weight, bias, options),
                5e-6 * std::sqrt(9.0 * size[1])) == "");
}

TEST_CASE("large 3x3 convolutions take Winograd's way and give the definition") {
    const Tensor x = noise({1, 64, 36, 33}, 1), weight = noise({65, 64, 3, 3}, 2);
    const ops::Conv2dOptions options{.stride = 1, .padding = ops::Padding::all(1)};
    REQUIRE(ops::cpu::winograd_pays(x, weight, options));
    CHECK(close(ops::conv2d(x, weight, {}, options), ops::reference::conv2d(x, weight, {}, options),
                1e-4) == "");
    CHECK(same_on_all_threads([&] { return ops::conv2d(x, weight, {}, options); }));
    CHECK(same_in_a_batch([&](const Tensor& in) { return ops::conv2d(in, weight, {}, options); },
                          noise({3, 64, 33, 35}, 3)));
}

TEST_CASE("convolutions in bf16 are those in f32 but for the rounding") {
    if (!ops::has_bf16_products())
        WARN("bf16 is f32 here: this processor has no products of bfloat16");
    std::vector<Convolution> all = convolutions;
    // Winograd's way
    all.push_back({{2, 64, 16, 16}, {96, 64, 3, 3}, {.padding = ops::Padding::all(1)}});
    // with an odd depth
    all.push_back({{1, 65, 33, 35}, {64, 65, 3, 3}, {.padding = ops::Padding::all(1)}});
    for (const Convolution& c : all) {
        const Tensor x = noise(c.x, 1), weight = noise(c.weight, 2), bias = noise({c.weight[0]}, 3);
        const Tensor y = ops::conv2d(x, weight, bias, c.options), dy = noise(y.shape(), 4);
        const Tensor dx = ops::conv2d_backward_input(dy, weight, c.x, c.options);
        const Tensor dweight = ops::conv2d_backward_weight(dy, x, c.weight, c.options);
        CAPTURE(to_string(c.x), to_string(c.weight));
        const double taps = double(c.weight[2] * c.weight[3]);
        const std::int64_t pixels = y.size() / c.weight[0];
        const ops::WithPrecision fast(ops::Precision::bf16);
        CHECK(close(ops::conv2d(x, weight, bias, c.options), y,
                    0.02 * std::sqrt(taps * c.weight[1])) == "");
        CHECK(close(ops::conv2d_backward_input(dy, weight, c.x, c.options), dx,
                    0.02 * std::sqrt(taps * c.weight[0])) == "");
        CHECK(close(ops::conv2d_backward_weight(dy, x, c.weight, c.options), dweight,
                    0.02 * std::sqrt(double(pixels))) == "");
    }
}

TEST_CASE("the gradients of conv2d are those of its definition") {
    // conv2d is linear in x and in the weight, so <conv2d(x, w), dy> = <x, dx> = <w, dw>.
    const auto dot = [](const Tensor& a, const Tensor& b) {
        return std::inner_product(a.values().begin(), a.values().end(), b.values().begin(), 0.0);
    };
    for (const Convolution& c : convolutions) {
        const Tensor x = noise(c.x, 1), weight = noise(c.weight, 2);
        const Tensor y = ops::reference::conv2d(x, weight, {}, c.options), dy = noise(y.shape(), 3);
        const Tensor dx = ops::conv2d_backward_input(dy, weight, c.x, c.options);
        const Tensor dweight = ops::conv2d_backward_weight(dy, x, c.weight, c.options);
        CAPTURE(to_string(c.x), to_string(c.weight));
        const Tensor other_x = noise(c.x, 4), other_weight = noise(c.weight, 5);
        const double scale = std::sqrt(dot(y, y) * dot(dy, dy));
        CHECK(std::abs(dot(ops::reference::conv2d(other_x, weight, {}, c.options), dy) -
                       dot(other_x, dx)) <= 1e-6 * scale);
        CHECK(std::abs(dot(ops::reference::conv2d(x, other_weight, {}, c.options), dy) -
                       dot(other_weight, dweight)) <= 1e-6 * scale);
    }
}

TEST_CASE("matmul is its definition") {
    const Tensor a = noise({37, 300}, 1), b = noise({300, 45}, 2);
    CHECK(close(ops::matmul(a, b), ops::reference::matmul(a, b), 4e-5) == "");
}

TEST_CASE("attention is its definition") {
    struct Case {
        int batch, heads, queries, keys, width, out;
        bool causal, masked;
    };
    const auto c = GENERATE(values<Case>({{1, 1, 1, 1, 1, 1, false, false},
                                          {2, 3, 33, 77, 40, 40, false, false},
                                          {1, 2, 300, 700, 16, 20, false, false},
                                          {2, 2, 65, 65, 8, 15, true, false},
                                          {2, 2, 65, 300, 8, 16, false, true},
                                          {2, 1, 77, 77, 64, 64, true, true},
                                          {1, 1, 600, 600, 5, 7, true, false}}));
    const Tensor q = noise({c.batch, c.heads, c.queries, c.width}, 1);
    const Tensor k = noise({c.batch, c.heads, c.keys, c.width}, 2);
    const Tensor v = noise({c.batch, c.heads, c.keys, c.out}, 3);
    ops::AttentionOptions options;
    options.causal = c.causal;
    // every third key hidden; all of them in the last batch entry
    if (c.masked) {
        std::vector<std::int32_t> keep(c.batch * c.keys);
        for (int i = 0; i < c.batch * c.keys; ++i) keep[i] = i % 3 != 0 && i / c.keys < c.batch - 1;
        options.key_padding_mask = Tensor::ints({c.batch, c.keys}, keep);
    }
    CHECK(close(ops::scaled_dot_product_attention(q, k, v, options),
                ops::reference::attention(q, k, v, options), 4e-6) == "");
    CHECK(close(ops::matmul(ops::attention_weights(q, k, options), v),
                ops::reference::attention(q, k, v, options), 4e-6) == "");
}

TEST_CASE("attention stands scores of any size") {
    const Tensor q = ops::scale(noise({1, 1, 40, 16}, 1), 40.0f),
                 k = ops::scale(noise({1, 1, 600, 16}, 2), 40.0f);
    const Tensor v = noise({1, 1, 600, 8}, 3);
    CHECK(close(ops::scaled_dot_product_attention(q, k, v), ops::reference::attention(q, k, v, {}),
                1e-2) == "");
}

TEST_CASE("norms are their definitions, also far from zero") {
    const float distance = GENERATE(0.0f, 100.0f), size = GENERATE(1.0f, 1e-3f);
    const Tensor x = ops::scale(noise({2, 12, 65, 67}, 1), size) + distance * size;
    const Tensor scale = noise({12}, 2), offset = noise({12}, 3);
    // 100 +- 1 has two digits fewer
    const double tolerance = distance == 0.0f ? 5e-6 : 2e-4;
    for (float eps : {1e-5f, 1e-6f}) {
        const Tensor definition = ops::reference::group_norm(x, 4, scale, offset, eps);
        CHECK(close(ops::group_norm(x, 4, scale, offset, eps), definition, tolerance) == "");
        CHECK(close(ops::group_norm_silu(x, 4, scale, offset, eps),
                    definition / (ops::exp(-1.0f * definition) + 1.0f), tolerance) == "");
    }
    // groups of single numbers' channels
    const Tensor pixels = noise({3, 12}, 6);
    CHECK(close(ops::group_norm(pixels, 4, scale, offset, 1e-5f),
                ops::reference::group_norm(pixels, 4, scale, offset, 1e-5f), 5e-6) == "");
    const Tensor rows = x.reshape({2 * 12 * 65, 67}), row_scale = noise({67}, 4),
                 row_offset = noise({67}, 5);
    CHECK(close(ops::layer_norm(rows, row_scale, row_offset, 1e-5f),
                ops::reference::layer_norm(rows, row_scale, row_offset, 1e-5f), tolerance) == "");
}

TEST_CASE("a norm of numbers that are all the same is the offset") {
    const Tensor x = Tensor::full({1, 4, 90, 90}, 3.7f), scale = noise({4}, 1),
                 offset = noise({4}, 2);
    CHECK(close(ops::group_norm(x, 2, scale, offset, 1e-6f),
                ops::broadcast_to(offset.reshape({4, 1, 1}), x.shape()), 1e-6) == "");
}

TEST_CASE("softmax is its definition") {
    const std::int64_t length = GENERATE(1, 15, 16, 17, 1000, 5000);
    const Tensor x = ops::scale(noise({3, length}, 1), 5.0f);
    Tensor expected(x.shape()), logarithm(x.shape());
    for (std::int64_t row = 0; row < 3; ++row) {
        double sum = 0.0;
        for (std::int64_t i = 0; i < length; ++i)
            sum += std::exp(double(x.data()[row * length + i]));
        for (std::int64_t i = row * length; i < (row + 1) * length; ++i) {
            expected.data()[i] = std::exp(double(x.data()[i])) / sum;
            logarithm.data()[i] = x.data()[i] - std::log(sum);
        }
    }
    CHECK(close(ops::softmax(x), expected, 5e-7) == "");
    CHECK(close(ops::log_softmax(x), logarithm, 1e-5) == "");
}

TEST_CASE("the activation functions of the networks are their equations") {
    const Tensor x = ops::scale(noise({100003}, 1), 4.0f);
    const auto expect_function = [&](const Tensor& y, double (*f)(double)) {
        Tensor expected(x.shape());
        for (std::int64_t i = 0; i < x.size(); ++i) expected.data()[i] = f(x.data()[i]);
        CHECK(close(y, expected, 2e-6) == "");
    };
    expect_function(ops::silu(x), [](double v) { return v / (1 + std::exp(-v)); });
    expect_function(ops::sigmoid(x), [](double v) { return 1 / (1 + std::exp(-v)); });
    expect_function(ops::quick_gelu(x), [](double v) { return v / (1 + std::exp(-1.702 * v)); });
    expect_function(ops::gelu(x),
                    [](double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); });
}

TEST_CASE("permute is its definition for every order of the axes") {
    const Tensor x = noise(GENERATE(Shape{4, 5}, Shape{17, 70}, Shape{2, 3, 40},
                                    Shape{2, 20, 8, 33}, Shape{1, 1, 5, 1}),
                           1);
    std::vector<int> order(x.rank());
    std::iota(order.begin(), order.end(), 0);
    do {
        const Tensor y = ops::permute(x, order);
        // of y
        Shape index(x.rank(), 0);
        for (std::int64_t i = 0; i < y.size(); ++i) {
            Shape from(x.rank());
            for (int axis = 0; axis < x.rank(); ++axis) from[order[axis]] = index[axis];
            std::int64_t at = 0;
            for (int axis = 0; axis < x.rank(); ++axis) at = at * x.dim(axis) + from[axis];
            if (y.data()[i] != x.data()[at]) FAIL("wrong number at " << i);
            for (int axis = x.rank() - 1; axis >= 0 && ++index[axis] == y.dim(axis); --axis)
                index[axis] = 0;
        }
    } while (std::ranges::next_permutation(order).found);
}

TEST_CASE("an answer does not depend on the number of threads") {
    const Tensor x = noise({2, 32, 30, 34}, 1), weight = noise({48, 32, 3, 3}, 2),
                 scale = noise({32}, 3);
    const ops::Conv2dOptions same_size{.padding = ops::Padding::all(1)};
    const Tensor y = ops::conv2d(x, weight, {}, same_size), dy = noise(y.shape(), 4);
    CHECK(same_on_all_threads([&] { return ops::conv2d(x, weight, {}, same_size); }));
    CHECK(same_on_all_threads(
        [&] { return ops::conv2d_backward_input(dy, weight, x.shape(), same_size); }));
    CHECK(same_on_all_threads(
        [&] { return ops::conv2d_backward_weight(dy, x, weight.shape(), same_size); }));
    CHECK(same_on_all_threads([&] { return ops::group_norm(x, 8, scale, scale, 1e-5f); }));
    CHECK(same_on_all_threads([&] { return ops::silu(x); }));
    CHECK(same_on_all_threads([&] {
        return ops::linear(x.reshape({64, 1020}), noise({200, 1020}, 5));
    }));
    const Tensor q = noise({2, 3, 150, 24}, 6), k = noise({2, 3, 520, 24}, 7);
    CHECK(same_on_all_threads([&] { return ops::scaled_dot_product_attention(q, k, k); }));
}

TEST_CASE("an answer does not depend on the rest of the batch") {
    const Tensor x = noise({3, 32, 11, 13}, 1), weight = noise({48, 32, 3, 3}, 2),
                 scale = noise({32}, 3);
    for (int stride : {1, 2})
        CHECK(same_in_a_batch(
            [&](const Tensor& in) {
                return ops::conv2d(in, weight, {},
                                   {.stride = stride, .padding = ops::Padding::all(1)});
            },
            x));
    CHECK(same_in_a_batch(
        [&](const Tensor& in) { return ops::group_norm(in, 8, scale, scale, 1e-5f); }, x));
    CHECK(same_in_a_batch([&](const Tensor& in) { return ops::gelu(in); }, x));
    CHECK(same_in_a_batch(
        [&](const Tensor& in) {
            return ops::linear(in, noise({70, 600}, 4));
        },
        noise({5, 600}, 5)));
    CHECK(same_in_a_batch(
        [&](const Tensor& in) { return ops::scaled_dot_product_attention(in, in, in); },
        noise({3, 2, 100, 24}, 6)));
}
