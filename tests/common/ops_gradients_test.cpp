// Every op's gradient against finite differences.

#include "common/ops/attention.h"
#include "common/ops/conv2d.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/matmul.h"
#include "common/ops/norm.h"
#include "common/ops/reduce.h"
#include "common/ops/resample.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::gradients_agree;
using test::noise;
using Inputs = const std::vector<Tensor>&;

namespace {

/// Numbers from 0.5 up: for functions with a kink or a pole at zero.
Tensor positive(const Shape& shape, int seed) { return ops::abs(noise(shape, seed)) + 0.5f; }

}  // namespace

TEST_CASE("gradients of elementwise functions") {
    for (auto f :
         {ops::silu, ops::gelu, ops::quick_gelu, ops::sigmoid, ops::tanh, ops::exp, ops::square})
        CHECK(gradients_agree([&](Inputs in) { return f(in[0]); }, {noise({3, 5}, 1)}) == "");
    for (auto f : {ops::log, ops::sqrt, ops::abs, ops::relu})
        CHECK(gradients_agree([&](Inputs in) { return f(in[0]); }, {positive({3, 5}, 2)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::clamp(in[0], -10.0f, 10.0f) * 3.0f + 1.0f; },
                          {noise({7}, 3)}) == "");
}

TEST_CASE("gradients of broadcast arithmetic") {
    for (auto f : {ops::add, ops::sub, ops::mul, ops::div}) {
        auto apply = [&](Inputs in) { return f(in[0], in[1]); };
        CHECK(gradients_agree(apply, {noise({2, 3, 4}, 1), positive({2, 3, 4}, 2)}) == "");
        CHECK(gradients_agree(apply, {noise({2, 3, 4}, 1), positive({3, 1}, 2)}) == "");
        CHECK(gradients_agree(apply, {noise({3, 1}, 1), positive({2, 1, 4}, 2)}) == "");
        CHECK(gradients_agree(apply, {noise({}, 1), positive({2, 2}, 2)}) == "");
    }
    // One tensor on both sides receives both gradients.
    CHECK(gradients_agree([](Inputs in) { return in[0] * in[0] + in[0]; }, {noise({4}, 5)}) == "");
}

TEST_CASE("gradients of matrix products") {
    auto product = [](ops::Transpose t) {
        return [t](Inputs in) { return ops::matmul(in[0], in[1], t); };
    };
    CHECK(gradients_agree(product(ops::Transpose::none),
                          {noise({2, 3, 4}, 1), noise({2, 4, 5}, 2)}) == "");
    CHECK(gradients_agree(product(ops::Transpose::a), {noise({4, 3}, 1), noise({4, 5}, 2)}) == "");
    CHECK(gradients_agree(product(ops::Transpose::b), {noise({3, 4}, 1), noise({5, 4}, 2)}) == "");
    auto linear = [](Inputs in) { return ops::linear(in[0], in[1], in[2]); };
    CHECK(gradients_agree(linear, {noise({2, 3, 4}, 1), noise({5, 4}, 2), noise({5}, 3)}) == "");
}

TEST_CASE("gradients of convolutions") {
    const ops::Conv2dOptions lopsided{.stride = 2, .padding = {0, 1, 1, 2}};
    auto conv = [&](Inputs in) { return ops::conv2d(in[0], in[1], in[2], lopsided); };
    CHECK(gradients_agree(conv, {noise({2, 3, 5, 6}, 1), noise({4, 3, 3, 2}, 2), noise({4}, 3)}) ==
          "");
    auto transposed = [](Inputs in) { return ops::conv_transpose2d(in[0], in[1], in[2], 2); };
    CHECK(gradients_agree(transposed,
                          {noise({2, 3, 3, 4}, 1), noise({3, 2, 5, 5}, 2), noise({2}, 3)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::upsample_nearest(in[0], 2); },
                          {noise({1, 2, 3, 2}, 4)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::avg_pool2d(in[0], 2); },
                          {noise({1, 2, 5, 4}, 5)}) == "");
}

TEST_CASE("gradients of norms and softmaxes") {
    auto group = [](Inputs in) { return ops::group_norm(in[0], 2, in[1], in[2], 1e-5f); };
    CHECK(gradients_agree(group, {noise({2, 4, 3, 2}, 1), noise({4}, 2), noise({4}, 3)}) == "");
    auto group_silu = [](Inputs in) { return ops::group_norm_silu(in[0], 2, in[1], in[2], 1e-5f); };
    CHECK(gradients_agree(group_silu, {noise({2, 4, 3, 2}, 1), noise({4}, 2), noise({4}, 3)}) ==
          "");
    auto layer = [](Inputs in) { return ops::layer_norm(in[0], in[1], in[2], 1e-5f); };
    CHECK(gradients_agree(layer, {noise({3, 6}, 1), noise({6}, 2), noise({6}, 3)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::softmax(in[0]); }, {noise({3, 5}, 1)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::log_softmax(in[0]); }, {noise({3, 5}, 1)}) ==
          "");
    const Tensor labels = Tensor::ints({3}, std::vector<std::int32_t>{4, 0, 2});
    CHECK(gradients_agree([&](Inputs in) { return ops::cross_entropy(in[0], labels); },
                          {noise({3, 5}, 1)}) == "");
}

TEST_CASE("gradients of attention") {
    const Tensor keep =
        Tensor::ints({2, 5}, std::vector<std::int32_t>{1, 0, 1, 1, 0, 0, 0, 0, 0, 0});
    for (const auto& options : {ops::AttentionOptions{},
                                ops::AttentionOptions{.scale = 0.3f, .key_padding_mask = keep}}) {
        auto f = [&](Inputs in) {
            return ops::scaled_dot_product_attention(in[0], in[1], in[2], options);
        };
        CHECK(gradients_agree(f, {noise({2, 2, 3, 4}, 1), noise({2, 2, 5, 4}, 2),
                                  noise({2, 2, 5, 3}, 3)}) == "");
    }
    auto causal = [](Inputs in) {
        return ops::scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true});
    };
    CHECK(gradients_agree(causal, {noise({1, 2, 4, 3}, 1), noise({1, 2, 4, 3}, 2),
                                   noise({1, 2, 4, 3}, 3)}) == "");
}

TEST_CASE("gradients of shape functions and sums") {
    CHECK(gradients_agree(
              [](Inputs in) {
                  return ops::concat({in[0], in[1], in[0]}, 1);
              },
              {noise({2, 1, 3}, 1), noise({2, 2, 3}, 2)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::slice(in[0], -1, 1, 3); },
                          {noise({2, 4}, 1)}) == "");
    CHECK(gradients_agree(
              [](Inputs in) {
                  auto p = ops::chunk(in[0], 2, 0);
                  return p[0] * p[1];
              },
              {noise({4, 3}, 1)}) == "");
    CHECK(gradients_agree(
              [](Inputs in) {
                  return ops::permute(in[0], {2, 0, 1});
              },
              {noise({2, 3, 4}, 1)}) == "");
    CHECK(gradients_agree(
              [](Inputs in) {
                  return ops::broadcast_to(in[0], {2, 3, 4});
              },
              {noise({3, 1}, 1)}) == "");
    CHECK(gradients_agree(
              [](Inputs in) {
                  return ops::sum(in[0], {0, -1});
              },
              {noise({2, 3, 4}, 1)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::mean_per_sample(in[0]); },
                          {noise({2, 3, 4}, 1)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::mean(in[0]); }, {noise({2, 3}, 1)}) == "");
    CHECK(gradients_agree([](Inputs in) { return ops::normalize(in[0]); }, {noise({2, 3}, 1)}) ==
          "");
    const Tensor ids = Tensor::ints({3}, std::vector<std::int32_t>{1, 0, 1});
    CHECK(gradients_agree([&](Inputs in) { return ops::embedding(ids, in[0]); },
                          {noise({2, 3}, 1)}) == "");
    CHECK(gradients_agree(
              [](Inputs in) {
                  return (in[0].reshape({3, 2}) * 2.0f).reshape({6}) + in[0].reshape({6});
              },
              {noise({2, 3}, 1)}) == "");
}
