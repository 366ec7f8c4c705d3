#include "common/nn/layers.h"

#include "common/autograd/tape.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/reference/reference.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::has_text;
using test::noise;

namespace {

/// A checkpoint with a layer's weights in the folder "layer".
struct Weights {
    nn::Checkpoint checkpoint;
    Tensor weight, bias;

    Weights(const Shape& weight_shape, const Shape& bias_shape)
        : weight(noise(weight_shape, 1)), bias(noise(bias_shape, 2)) {
        checkpoint.add("layer.weight", weight);
        if (!bias_shape.empty()) checkpoint.add("layer.bias", bias);
    }
    nn::Params layer() { return checkpoint.root() / "layer"; }
};

}  // namespace

TEST_CASE("layers: linear is x W^T + b, with and without bias") {
    Weights with({3, 4}, {3}), without({3, 4}, {});
    const Tensor x = noise({2, 5, 4}, 3);
    const Tensor rows = ops::matmul(x.reshape({10, 4}), with.weight, ops::Transpose::b);
    CHECK(close(nn::Linear(with.layer(), 4, 3)(x), (rows + with.bias).reshape({2, 5, 3}), 1e-5) ==
          "");
    CHECK(close(nn::Linear(without.layer(), 4, 3, nn::Bias::no)(x), rows.reshape({2, 5, 3}),
                1e-5) == "");
    with.checkpoint.check("linear");
    without.checkpoint.check("linear without bias");
}

TEST_CASE("layers: conv2d, norms and embedding are their definitions") {
    const Tensor x = noise({2, 4, 6, 5}, 3);
    Weights conv({3, 4, 3, 3}, {3}), pointwise({3, 4, 1, 1}, {3}), norm({4}, {4}),
        table({7, 4}, {});
    CHECK(
        close(nn::Conv2d(conv.layer(), 4, 3)(x),
              ops::reference::conv2d(x, conv.weight, conv.bias, {.padding = ops::Padding::all(1)}),
              1e-4) == "");
    CHECK(close(nn::Conv2d(pointwise.layer(), 4, 3, nn::pointwise)(x),
                ops::reference::conv2d(x, pointwise.weight, pointwise.bias, {}), 1e-4) == "");
    const nn::GroupNorm group_norm(norm.layer(), 4, 1e-5f, 2);
    const Tensor normalized = ops::reference::group_norm(x, 2, norm.weight, norm.bias, 1e-5f);
    CHECK(close(group_norm(x), normalized, 1e-5) == "");
    CHECK(close(group_norm.then_silu(x), ops::silu(normalized), 1e-5) == "");
    CHECK(close(nn::LayerNorm(norm.layer(), 4)(noise({3, 4}, 5)),
                ops::reference::layer_norm(noise({3, 4}, 5), norm.weight, norm.bias, 1e-5f),
                1e-5) == "");
    const Tensor ids = Tensor::ints({2, 2}, std::vector<std::int32_t>{6, 0, 3, 3});
    const Tensor looked_up = nn::Embedding(table.layer(), 7, 4)(ids);
    REQUIRE(looked_up.shape() == Shape{2, 2, 4});
    for (int i = 0; i < 4; ++i) CHECK(looked_up.data()[i] == table.weight.data()[6 * 4 + i]);
}

TEST_CASE("layers: silu in one pass or in two, whether or not the norm is traced") {
    Weights norm({4}, {4});
    const nn::GroupNorm group_norm(norm.layer(), 4, 1e-5f, 2);
    const Tensor x = noise({2, 4, 3, 3}, 3), at_once = group_norm.then_silu(x);
    Trace trace;
    const Tensor traced = group_norm.then_silu(x);
    CHECK(close(traced, at_once, 1e-6) == "");
    CHECK(close(trace.find("layer"), group_norm(x), 1e-6) == "");
}

TEST_CASE("layers: each leaves its output on the trace, under the name of its weights") {
    Weights linear({3, 4}, {3});
    const nn::Linear layer(linear.layer(), 4, 3);
    Trace trace;
    const Tensor y = layer(noise({2, 4}, 3));
    CHECK(trace.find("layer").id() == y.id());
}

TEST_CASE("layers: weights that change are seen, as an optimizer changes them") {
    Weights linear({3, 4}, {3}), conv({3, 4, 3, 3}, {3});
    const nn::Linear dense(linear.layer(), 4, 3);
    const nn::Conv2d filter(conv.layer(), 4, 3);
    const Tensor rows = noise({2, 4}, 3), picture = noise({1, 4, 5, 5}, 4);
    const Tensor before = dense(rows), filtered = filter(picture);
    for (float& number : linear.weight.values()) number *= 2.0f;
    for (float& number : conv.weight.values()) number *= 2.0f;
    CHECK(close(dense(rows) - linear.bias, 2.0f * (before - linear.bias), 1e-5) == "");
    const Tensor bias = conv.bias.reshape({3, 1, 1});
    CHECK(close(filter(picture) - bias, 2.0f * (filtered - bias), 1e-4) == "");
}

TEST_CASE("layers: gradients reach the weights of the checkpoint") {
    Weights linear({3, 4}, {3});
    const nn::Linear layer(linear.layer(), 4, 3);
    const Tensor x = noise({2, 4}, 3), dy = noise({2, 3}, 4);
    Tape tape;
    tape.watch(linear.weight);
    tape.watch(linear.bias);
    const Tensor y = layer(x);
    const Gradients gradients = tape.backward(y, dy);
    CHECK(close(gradients.of(linear.weight), ops::matmul(dy, x, ops::Transpose::a), 1e-5) == "");
    const Tensor column_sums = Tensor::from(
        {3},
        {dy.data()[0] + dy.data()[3], dy.data()[1] + dy.data()[4], dy.data()[2] + dy.data()[5]});
    CHECK(close(gradients.of(linear.bias), column_sums, 1e-6) == "");
}
