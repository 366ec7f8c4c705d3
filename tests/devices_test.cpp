// Every op on a GPU against itself on the CPU: the result and the gradients of all inputs, whole
// tensors. Without a GPU there is nothing to compare, and one line says so.

#include "chapters/04_attention/variants/gpu.h"
#include "chapters/04_attention/variants/variants.h"
#include "chapters/05_resblock/variants/gpu.h"
#include "chapters/05_resblock/verify.h"
#include "common/device/build.h"
#include "common/device/device.h"
#include "common/figures/heat_map.h"
#if LDM_HAS_CUDA
#include "common/ops/cuda/divisor.cuh"
#endif
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <numeric>

#include "common/autograd/tape.h"
#include "common/figures/tensor_picture.h"
#include "common/io/safetensors.h"
#include "common/nn/activation_snapshot.h"
#include "common/nn/model_source.h"
#include "common/nn/params.h"
#include "common/ops/attention.h"
#include "common/ops/batch_norm.h"
#include "common/ops/compute_context.h"
#include "common/ops/conv2d.h"
#include "common/ops/cuda/attention_cudnn.h"
#include "common/ops/cuda/conv2d.h"
#include "common/ops/cuda/conv2d_cudnn.h"
#include "common/ops/cuda_graph_callable.h"
#include "common/ops/cudnn_use.h"
#include "common/ops/elementwise.h"
#include "common/ops/embedding.h"
#include "common/ops/linear_attention.h"
#include "common/ops/matmul.h"
#include "common/ops/nearest_row.h"
#include "common/ops/norm.h"
#include "common/ops/optimizer_step.h"
#include "common/ops/precision.h"
#include "common/ops/reduce.h"
#include "common/ops/reference/reference.h"
#include "common/ops/resample.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "common/ops/transfer.h"
#include "common/verify/verify.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::noise;
using Inputs = const std::vector<Tensor>&;
using Function = std::function<Tensor(Inputs)>;

namespace {

bool no_gpu() {
    try {
        expect_usable(Device::cuda);
        return false;
    } catch (const Error&) {
        static const bool said = std::puts("CUDA: skipped, no device") > 0;
        return said;
    }
}

std::vector<Tensor> on(Device device, Inputs inputs) {
    std::vector<Tensor> moved;
    for (const Tensor& x : inputs) moved.push_back(ops::to(x, device));
    return moved;
}

/// The result, then the gradients of sum(result * fixed noise) with respect to all inputs, on the
/// CPU.
std::vector<Tensor> all_of(const Function& f, Inputs inputs) {
    Tape tape;
    for (const Tensor& x : inputs)
        if (x.dtype() == DType::f32) tape.watch(x);
    const Tensor y = f(inputs);
    const Gradients gradients = tape.backward(y, ops::to(noise(y.shape(), 77), y.device()));
    std::vector<Tensor> all{y};
    for (const Tensor& x : inputs)
        if (x.dtype() == DType::f32) all.push_back(gradients.of(x));
    return on(Device::cpu, all);
}

float largest(const Tensor& x) {
    float most = 1e-3f;
    for (const float v : x.values()) most = std::max(most, std::abs(v));
    return most;
}

/// Empty when both devices agree to `tolerance` times the largest number of each tensor.
std::string agree(const Function& f, Inputs inputs, double tolerance = 1e-5) {
    const std::vector<Tensor> here = all_of(f, inputs), there = all_of(f, on(Device::cuda, inputs));
    for (std::size_t i = 0; i < here.size(); ++i)
        if (const std::string wrong = close(there[i], here[i], tolerance * largest(here[i]));
            !wrong.empty())
            return (i == 0 ? "the result: " : "gradient " + std::to_string(i) + ": ") + wrong;
    return "";
}

Tensor ids(const Shape& shape, std::int32_t below) {
    std::vector<std::int32_t> values(element_count(shape));
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<std::int32_t>(i * 7 % below);
    return Tensor::ints(shape, values);
}

/// Which of the tokens of each picture may be looked at: about two thirds, others in each.
Tensor some_of(std::int64_t pictures, std::int64_t tokens) {
    std::vector<std::int32_t> keep(pictures * tokens);
    for (std::size_t i = 0; i < keep.size(); ++i) keep[i] = i * i % 13 % 3 != 1;
    return Tensor::ints({pictures, tokens}, keep);
}

Tensor positive(const Shape& shape, int seed) { return ops::abs(noise(shape, seed)) + 0.5f; }

/// On the GPU, in another type; and what became of it, on the CPU.
Tensor there_as(DType dtype, const Tensor& x) { return ops::to(ops::to(x, Device::cuda), dtype); }
Tensor back(const Tensor& x) { return ops::to(ops::to(x, DType::f32), Device::cpu); }

/// A convolution and its gradients, computed one way.
struct ConvolutionWay {
    std::string name;
    decltype(&ops::cuda::conv2d) forward;
    decltype(&ops::cuda::conv2d_backward_input) backward_input;
    decltype(&ops::cuda::conv2d_backward_weight) backward_weight;
};

// may: not with every version and on every GPU
enum class Cudnn { does, may, cannot };

struct ConvolutionCase {
    Shape x, weight;
    ops::Conv2dOptions options;
    Cudnn cudnn = Cudnn::may;
};

/// A convolution in one type: its inputs on the GPU, and what the definition makes of them.
struct ConvolutionRun {
    ConvolutionCase problem;
    DType dtype;

    Tensor x = there_as(dtype, noise(problem.x, 1));
    Tensor weight = there_as(dtype, noise(problem.weight, 2));
    Tensor bias = there_as(dtype, noise({problem.weight[0]}, 3));
    Tensor y = ops::reference::conv2d(back(x), back(weight), back(bias), problem.options);
    Tensor y_without_bias = ops::reference::conv2d(back(x), back(weight), {}, problem.options);
    Tensor dy = there_as(dtype, noise(y.shape(), 4));
    Tensor dx = ops::conv2d_backward_input(back(dy), back(weight), problem.x, problem.options);
    Tensor dweight =
        ops::conv2d_backward_weight(back(dy), back(x), problem.weight, problem.options);

    std::string name() const {
        return name_of(dtype) + (", " + to_string(problem.x)) + " and " + to_string(problem.weight);
    }

    void check(const ConvolutionWay& way, const ops::ComputeContext& context) const {
        INFO(way.name << ", " << name());
        const double tolerance = dtype == DType::f32   ? 1e-5
                                 : dtype == DType::f16 ? 1.0 / 1024
                                                       : 1.0 / 128;
        const auto agrees = [&](const Tensor& got, const Tensor& expected) {
            CHECK((got && got.dtype() == dtype));
            CHECK(close(back(got), expected, tolerance * largest(expected)) == "");
        };
        agrees(way.forward(x, weight, bias, problem.options, context), y);
        agrees(way.forward(x, weight, {}, problem.options, context), y_without_bias);
        agrees(way.backward_input(dy, weight, problem.x, problem.options, context), dx);
        agrees(way.backward_weight(dy, x, problem.weight, problem.options, context), dweight);
    }

    void check_same_bits(const ConvolutionWay& a, const ConvolutionWay& b,
                         const ops::ComputeContext& context) const {
        const auto same = [](const Tensor& one, const Tensor& other) {
            CHECK(close(back(one), back(other), 0) == "");
        };
        same(a.forward(x, weight, bias, problem.options, context),
             b.forward(x, weight, bias, problem.options, context));
        same(a.backward_input(dy, weight, problem.x, problem.options, context),
             b.backward_input(dy, weight, problem.x, problem.options, context));
        same(a.backward_weight(dy, x, problem.weight, problem.options, context),
             b.backward_weight(dy, x, problem.weight, problem.options, context));
    }

    /// How many of the three `way` computes at all.
    int done(const ConvolutionWay& way, const ops::ComputeContext& context) const {
        return static_cast<bool>(way.forward(x, weight, bias, problem.options, context)) +
               static_cast<bool>(
                   way.backward_input(dy, weight, problem.x, problem.options, context)) +
               static_cast<bool>(
                   way.backward_weight(dy, x, problem.weight, problem.options, context));
    }
};

}  // namespace

TEST_CASE("a GPU computes the same: functions of single numbers") {
    if (no_gpu()) return;
    for (const std::int64_t count : {1, 7, 255, 1031})
        for (auto f : {ops::silu, ops::gelu, ops::quick_gelu, ops::sigmoid, ops::tanh, ops::relu,
                       ops::softplus, ops::exp, ops::square, ops::abs, ops::sin, ops::cos})
            CHECK(agree([&](Inputs in) { return f(in[0]); }, {noise({count}, 1)}) == "");
    for (auto f : {ops::log, ops::sqrt})
        CHECK(agree([&](Inputs in) { return f(in[0]); }, {positive({3, 50}, 2)}) == "");
    CHECK(agree([](Inputs in) { return ops::clamp(in[0], -0.5f, 0.7f) * 3.0f + 1.0f; },
                {noise({70}, 3)}) == "");
    CHECK(agree([](Inputs in) { return ops::leaky_relu(in[0], 0.2f); }, {noise({70}, 3)}) == "");
}

TEST_CASE("a GPU computes the same: broadcasting and sums") {
    if (no_gpu()) return;
    for (auto f : {ops::add, ops::sub, ops::mul, ops::div}) {
        const auto apply = [&](Inputs in) { return f(in[0], in[1]); };
        CHECK(agree(apply, {noise({2, 3, 4}, 1), positive({2, 3, 4}, 2)}) == "");
        CHECK(agree(apply, {noise({2, 3, 40}, 1), positive({3, 1}, 2)}) == "");
        CHECK(agree(apply, {noise({3, 1}, 1), positive({2, 1, 4}, 2)}) == "");
        CHECK(agree(apply, {noise({}, 1), positive({2, 300}, 2)}) == "");
        CHECK(agree(apply, {noise({5, 1, 7, 1}, 1), positive({1, 6, 1, 3}, 2)}) == "");
    }
    CHECK(agree([](Inputs in) { return in[0] * in[0] + in[0]; }, {noise({4}, 5)}) == "");
    CHECK(agree([](Inputs in) { return ops::sum(in[0]); }, {noise({3, 400}, 1)}) == "");
    CHECK(agree([](Inputs in) { return ops::mean(in[0], {0, 2}); }, {noise({6, 70, 5}, 1)}) == "");
    CHECK(agree([](Inputs in) { return ops::sum(in[0], {1}); }, {noise({6, 70, 5}, 1)}) == "");
    CHECK(agree([](Inputs in) { return ops::sum(in[0], {1}); }, {noise({6, 1, 5}, 1)}) == "");
    CHECK(agree([](Inputs in) { return ops::sum(in[0], {0}); }, {noise({300, 45}, 1)}) == "");
    CHECK(agree([](Inputs in) { return ops::mean_per_sample(in[0]); }, {noise({3, 5, 6}, 1)}) ==
          "");
    CHECK(agree([](Inputs in) { return ops::normalize(in[0]); }, {noise({3, 50}, 1)}) == "");
}

TEST_CASE("a GPU moves the same numbers") {
    if (no_gpu()) return;
    for (const std::vector<int>& order : std::vector<std::vector<int>>{
             {0, 1, 2, 3}, {0, 2, 1, 3}, {3, 2, 1, 0}, {0, 2, 3, 1}, {0, 3, 1, 2}, {1, 0, 3, 2}})
        CHECK(agree([&](Inputs in) { return ops::permute(in[0], order); },
                    {noise({2, 33, 5, 40}, 1)}, 0) == "");
    CHECK(agree(
              [](Inputs in) {
                  return ops::concat({in[0], in[1], in[0]}, 1);
              },
              {noise({2, 3, 5}, 1), noise({2, 1, 5}, 2)}, 1e-6) == "");
    CHECK(agree([](Inputs in) { return ops::slice(in[0], 1, 2, 5); }, {noise({3, 7, 4}, 1)}, 0) ==
          "");
    CHECK(agree(
              [](Inputs in) {
                  return ops::broadcast_to(in[0], {4, 3, 5});
              },
              {noise({3, 1}, 1)}) == "");
    CHECK(agree([](Inputs in) { return ops::embedding(in[1], in[0]); },
                {noise({11, 40}, 1), ids({3, 9}, 11)}) == "");
    CHECK(close(ops::to(ops::to_float(ops::to(ids({40}, 13), Device::cuda)), Device::cpu),
                ops::to_float(ids({40}, 13)), 0) == "");
    CHECK(close(ops::to(ops::detach(ops::to(noise({7}, 1), Device::cuda)), Device::cpu),
                noise({7}, 1), 0) == "");
    CHECK(ops::to(Tensor::scalar(2.5f), Device::cuda).item() == 2.5f);
}

TEST_CASE("a GPU computes the same: matrix products") {
    if (no_gpu()) return;
    const auto product = [](ops::Transpose t) {
        return [t](Inputs in) { return ops::matmul(in[0], in[1], t); };
    };
    CHECK(agree(product(ops::Transpose::none), {noise({2, 3, 4}, 1), noise({2, 4, 5}, 2)}) == "");
    CHECK(agree(product(ops::Transpose::a), {noise({3, 40, 30}, 1), noise({3, 40, 50}, 2)}) == "");
    CHECK(agree(product(ops::Transpose::b), {noise({30, 17}, 1), noise({50, 17}, 2)}) == "");
    CHECK(agree([](Inputs in) { return ops::linear(in[0], in[1], in[2]); },
                {noise({2, 3, 4}, 1), noise({5, 4}, 2), noise({5}, 3)}) == "");
    CHECK(agree([](Inputs in) { return ops::linear(in[0], in[1]); },
                {noise({6, 4}, 1), noise({5, 4}, 2)}) == "");
}

TEST_CASE("a GPU computes the same: convolutions") {
    if (no_gpu()) return;
    const auto conv = [](ops::Conv2dOptions options) {
        return [options](Inputs in) { return ops::conv2d(in[0], in[1], in[2], options); };
    };
    CHECK(agree(conv({.padding = ops::Padding::all(1)}),
                {noise({2, 5, 9, 7}, 1), noise({70, 5, 3, 3}, 2), noise({70}, 3)}) == "");
    CHECK(agree(conv({.stride = 2, .padding = {0, 1, 1, 2}}),
                {noise({2, 3, 5, 6}, 1), noise({4, 3, 3, 2}, 2), noise({4}, 3)}) == "");
    CHECK(agree(conv({.stride = 2, .padding = {0, 0, 1, 1}}),
                {noise({1, 6, 8, 8}, 1), noise({8, 6, 3, 3}, 2), noise({8}, 3)}) == "");
    CHECK(agree(conv({}), {noise({3, 40, 4, 4}, 1), noise({9, 40, 1, 1}, 2), noise({9}, 3)}) == "");
    // in parts
    CHECK(agree(conv({.padding = ops::Padding::all(1)}),
                {noise({1, 300, 4, 4}, 1), noise({3, 300, 3, 3}, 2), noise({3}, 3)}) == "");
    CHECK(agree([](Inputs in) { return ops::conv_transpose2d(in[0], in[1], in[2], 2); },
                {noise({2, 3, 4, 5}, 1), noise({3, 4, 3, 2}, 2), noise({4}, 3)}) == "");
}

TEST_CASE("our own convolution and cuDNN's are the definition's, in every type") {
    if (no_gpu()) return;
    if constexpr (build::has_cuda) {
        const ConvolutionCase problem = GENERATE(values<ConvolutionCase>({
            {{2, 16, 9, 8}, {24, 16, 3, 3}, {.padding = ops::Padding::all(1)}, Cudnn::does},
            {{3, 40, 4, 4}, {8, 40, 1, 1}, {}, Cudnn::does},
            {{2, 5, 9, 7}, {70, 5, 3, 3}, {.padding = ops::Padding::all(1)}},
            {{2, 8, 10, 9}, {6, 8, 3, 3}, {.stride = 2, .padding = ops::Padding::all(1)}},
            {{1, 3, 11, 12}, {4, 3, 4, 2}, {.stride = 3, .padding = {2, 1, 2, 1}}},
            // pixels that no kernel meets
            {{2, 4, 8, 8}, {3, 4, 1, 1}, {.stride = 2}},
            // in parts
            {{1, 300, 4, 4}, {3, 300, 3, 3}, {.padding = ops::Padding::all(1)}},
            // uneven, to no effect
            {{2, 3, 5, 6}, {4, 3, 3, 2}, {.stride = 2, .padding = {0, 1, 1, 2}}},
            // the VAE's
            {{2, 6, 8, 8}, {8, 6, 3, 3}, {.stride = 2, .padding = {0, 0, 1, 1}}, Cudnn::cannot},
            {{1, 3, 6, 5}, {4, 3, 3, 3}, {.padding = {2, 1, 0, 1}}, Cudnn::cannot},
            // a kernel that only fits with the row below
            {{1, 2, 2, 4}, {3, 2, 3, 3}, {.stride = 2, .padding = {0, 1, 1, 1}}, Cudnn::cannot},
        }));
        const ConvolutionRun run{problem, GENERATE(DType::f32, DType::f16, DType::bf16)};
        ops::ComputeContext context;
        using namespace ops::cuda;
        const ConvolutionWay ours{"ours", implicit_gemm_conv2d, implicit_gemm_conv2d_backward_input,
                                  implicit_gemm_conv2d_backward_weight};
        const ConvolutionWay whichever{"whichever", ops::cuda::conv2d, conv2d_backward_input,
                                       conv2d_backward_weight};
        run.check(ours, context);
        run.check(whichever, context);
        context.cudnn.conv2d = false;
        run.check_same_bits(whichever, ours, context);
        if constexpr (build::has_cudnn) {
            const ConvolutionWay cudnn{"cuDNN's", cudnn_conv2d, cudnn_conv2d_backward_input,
                                       cudnn_conv2d_backward_weight};
            const int done = run.done(cudnn, context);
            INFO("cuDNN does " << done << " of 3: " << run.name());
            if (problem.cudnn == Cudnn::does) CHECK(done == 3);
            if (problem.cudnn == Cudnn::cannot) CHECK(done == 0);
            if (problem.cudnn == Cudnn::may && done < 3) WARN("not all of them");
            if (done == 3) run.check(cudnn, context);
        }
    }
}

#if LDM_HAS_CUDA
TEST_CASE("to divide by a multiplication is exact") {
    std::vector<int> divisors(4096);
    std::iota(divisors.begin(), divisors.end(), 1);
    for (int power = 13; power < 31; ++power)
        for (const int near : {-1, 0, 1}) divisors.push_back((1 << power) + near);
    divisors.push_back(std::numeric_limits<int>::max());
    constexpr unsigned end = 1u << 31;
    for (const int d : divisors) {
        const cuda::Divisor divisor(d);
        const auto exact = [&](unsigned index) {
            return divisor.of(index) == index / static_cast<unsigned>(d);
        };
        // Whoever is right at both ends of a stretch with one quotient is right in between, and
        // errors grow with the index.
        unsigned wrong = 0;
        for (unsigned quotient = 0, most = (end - 1) / d; quotient <= most;
             quotient += quotient < 100 || quotient + 100 > most ? 1 : 1 + most / 1000) {
            const unsigned first = quotient * d;
            wrong += !exact(first) + !exact(std::min(first + d - 1, end - 1));
        }
        INFO("divided by " << d);
        REQUIRE(wrong == 0);
        REQUIRE((exact(end - 1) && exact(end - 2)));
    }
}
#endif

TEST_CASE(
    "a GPU's convolutions: no pictures, less precision where it is asked for, the same bits every "
    "time, their work") {
    if (no_gpu()) return;
    const ops::Conv2dOptions options{.stride = 2, .padding = ops::Padding::all(1)};
    const Tensor x = noise({2, 8, 9, 10}, 1), weight = noise({6, 8, 3, 3}, 2),
                 dy = noise({2, 6, 5, 5}, 3);
    const std::vector<Tensor> there = on(Device::cuda, {x, weight, dy});
    const auto all = [&] {
        return on(Device::cpu,
                  {ops::conv2d(there[0], there[1], {}, options),
                   ops::conv2d_backward_input(there[2], there[1], x.shape(), options),
                   ops::conv2d_backward_weight(there[2], there[0], weight.shape(), options)});
    };
    CHECK(
        ops::conv2d(ops::to(Tensor({0, 8, 9, 10}), Device::cuda), there[1], {}, options).shape() ==
        Shape{0, 6, 5, 5});

    const ops::FlopCounter counter;
    const std::vector<Tensor> once = all();
    CHECK(counter.flops() == 3 * 2.0 * weight.size() * 2 * 5 * 5);
    for (int times = 0; times < 3; ++times) {
        const std::vector<Tensor> again = all();
        for (std::size_t i = 0; i < once.size(); ++i) CHECK(close(again[i], once[i], 0) == "");
    }

    const ops::WithPrecision less(ops::Precision::bf16);
    const std::vector<Tensor> rounded = all();
    for (std::size_t i = 0; i < once.size(); ++i)
        CHECK(close(rounded[i], once[i], largest(once[i]) / 256) == "");
}

TEST_CASE("a GPU computes the same: norms") {
    if (no_gpu()) return;
    const auto group = [](int groups) {
        return [groups](Inputs in) { return ops::group_norm(in[0], groups, in[1], in[2], 1e-5f); };
    };
    CHECK(agree(group(4), {noise({2, 8, 5, 3}, 1), noise({8}, 2), noise({8}, 3)}) == "");
    // several pieces, far from 0
    CHECK(agree(group(2), {noise({1, 4, 70, 65}, 1, 0.1f) + 30.0f, noise({4}, 2), noise({4}, 3)},
                3e-5) == "");
    const auto group_silu = [](int groups) {
        return [groups](Inputs in) {
            return ops::group_norm_silu(in[0], groups, in[1], in[2], 1e-5f);
        };
    };
    CHECK(agree(group_silu(4), {noise({2, 8, 5, 3}, 1), noise({8}, 2), noise({8}, 3)}) == "");
    // sixteen numbers for each thread
    CHECK(agree(group_silu(2), {noise({2, 6, 30, 20}, 1), noise({6}, 2), noise({6}, 3)}) == "");
    // several pieces, 16 bytes at a time
    CHECK(agree(group_silu(2), {noise({1, 4, 70, 66}, 1), noise({4}, 2), noise({4}, 3)}) == "");
    // and not
    CHECK(agree(group_silu(2), {noise({1, 4, 71, 67}, 1), noise({4}, 2), noise({4}, 3)}) == "");
    CHECK(agree(group_silu(4), {noise({3, 12}, 1), noise({12}, 2), noise({12}, 3)}) == "");
    CHECK(agree([](Inputs in) { return ops::layer_norm(in[0], in[1], in[2], 1e-5f); },
                {noise({2, 5000}, 1), noise({5000}, 2), noise({5000}, 3)}) == "");
    CHECK(agree([](Inputs in) { return ops::layer_norm(in[0], in[1], in[2], 1e-5f); },
                {noise({3, 4, 50}, 1), noise({50}, 2), noise({50}, 3)}) == "");
    CHECK(agree([](Inputs in) { return ops::batch_norm(in[0], in[1], in[2], 1e-5f).y; },
                {noise({3, 4, 5, 6}, 1), noise({4}, 2), noise({4}, 3)}) == "");
    CHECK(
        agree(
            [](Inputs in) {
                return ops::batch_norm(in[0], {in[3], in[4]}, in[1], in[2], 1e-5f);
            },
            {noise({3, 4, 5, 6}, 1), noise({4}, 2), noise({4}, 3), noise({4}, 4), positive({4}, 5)},
            1e-5) == "");
}

TEST_CASE("a GPU computes the same: softmax and what is made of it") {
    if (no_gpu()) return;
    CHECK(agree([](Inputs in) { return ops::softmax(in[0]); }, {noise({5, 300}, 1, 3.0f)}) == "");
    CHECK(agree([](Inputs in) { return ops::log_softmax(in[0]); }, {noise({5, 3}, 1, 3.0f)}) == "");
    CHECK(agree([](Inputs in) { return ops::cross_entropy(in[0], in[1]); },
                {noise({6, 20}, 1), ids({6}, 20)}) == "");
    CHECK(agree([](Inputs in) { return ops::linear_attention(in[0], in[1], in[2]); },
                {noise({2, 3, 4, 30}, 1), noise({2, 3, 4, 30}, 2), noise({2, 3, 5, 30}, 3)}) == "");
}

TEST_CASE("a GPU computes the same: attention") {
    if (no_gpu()) return;
    const auto attend = [](const ops::AttentionOptions& options) {
        return [options](Inputs in) {
            return ops::scaled_dot_product_attention(in[0], in[1], in[2], options);
        };
    };
    for (const std::int64_t d : {8, 40, 64, 80, 160})
        CHECK(agree(attend({}), {noise({2, 2, 37, d}, 1), noise({2, 2, 70, d}, 2),
                                 noise({2, 2, 70, d}, 3)}) == "");
    CHECK(agree(attend({}), {noise({1, 1, 5, 200}, 1), noise({1, 1, 7, 200}, 2),
                             noise({1, 1, 7, 200}, 3)}) == "");
    CHECK(agree(attend({.scale = 0.3f}),
                {noise({1, 2, 5, 6}, 1), noise({1, 2, 7, 6}, 2), noise({1, 2, 7, 9}, 3)}) == "");
    CHECK(agree(attend({.causal = true}), {noise({1, 2, 77, 16}, 1), noise({1, 2, 77, 16}, 2),
                                           noise({1, 2, 77, 16}, 3)}) == "");
    // nobody is left in the second
    const Tensor keep =
        Tensor::ints({2, 5}, std::vector<std::int32_t>{1, 0, 1, 1, 0, 0, 0, 0, 0, 0});
    CHECK(agree(attend({.key_padding_mask = keep}),
                {noise({2, 2, 4, 8}, 1), noise({2, 2, 5, 8}, 2), noise({2, 2, 5, 8}, 3)}) == "");
    for (const std::int64_t keys : {64, 77}) {
        const Tensor of_each = some_of(3, keys);
        for (const bool causal : {false, true})
            CHECK(agree(attend({.causal = causal, .key_padding_mask = of_each}),
                        {noise({3, 2, causal ? keys : 20, 8}, 1), noise({3, 2, keys, 8}, 2),
                         noise({3, 2, keys, 8}, 3)}) == "");
    }
    const Tensor q = noise({1, 2, 9, 8}, 1), k = noise({1, 2, 6, 8}, 2);
    CHECK(close(ops::to(ops::attention_weights(ops::to(q, Device::cuda), ops::to(k, Device::cuda)),
                        Device::cpu),
                ops::attention_weights(q, k), 1e-6) == "");
}

namespace {

/// Queries, keys and values on the GPU.
std::array<Tensor, 3> attention_inputs(DType type, const Shape& q, std::int64_t keys,
                                       std::int64_t out) {
    return {there_as(type, noise(q, 1)), there_as(type, noise({q[0], q[1], keys, q[3]}, 2)),
            there_as(type, noise({q[0], q[1], keys, out}, 3))};
}

}  // namespace

TEST_CASE("cuDNN's attention is the definition's") {
    if (no_gpu()) return;
    if constexpr (build::has_cudnn) {
        const DType dtype = GENERATE(DType::f16, DType::bf16);
        const double rounding = dtype == DType::f16 ? 1.0 / 1024 : 1.0 / 128;
        for (const auto& [shape, keys, out] :
             std::vector<std::tuple<Shape, std::int64_t, std::int64_t>>{{{2, 2, 37, 40}, 77, 40},
                                                                        {{1, 3, 64, 64}, 64, 64},
                                                                        {{1, 2, 20, 80}, 150, 80},
                                                                        {{2, 1, 16, 160}, 16, 160},
                                                                        {{1, 1, 1, 8}, 1, 16}}) {
            const auto [q, k, v] = attention_inputs(dtype, shape, keys, out);
            for (const float scale : {1.0f / std::sqrt(static_cast<float>(shape[3])), 0.3f}) {
                INFO(name_of(dtype)
                     << ", " << to_string(shape) << ", " << keys << " keys, scale " << scale);
                const Tensor expected =
                    ops::scaled_dot_product_attention(back(q), back(k), back(v), {.scale = scale});
                const Tensor y =
                    ops::cuda::cudnn_attention(q, k, v, {scale, false, {}}, ops::compute_context());
                CHECK((y && y.dtype() == dtype));
                CHECK(close(back(y), expected, 2 * rounding * largest(expected)) == "");
                CHECK(close(back(ops::cuda::cudnn_attention(q, k, v, {scale, false, {}},
                                                            ops::compute_context())),
                            back(y), 0) == "");
                const ops::WithCudnn cudnn({.attention = true});
                CHECK(close(back(ops::scaled_dot_product_attention(q, k, v, {.scale = scale})),
                            back(y), 0) == "");
            }
        }
    }
}

TEST_CASE("cuDNN's attention says where it has none, and our own does it") {
    if (no_gpu()) return;
    if constexpr (build::has_cudnn) {
        const DType dtype = GENERATE(DType::f16, DType::bf16);
        const auto can = [](const std::array<Tensor, 3>& in, const ops::cuda::AttentionRule& rule) {
            return static_cast<bool>(
                ops::cuda::cudnn_attention(in[0], in[1], in[2], rule, ops::compute_context()));
        };
        const auto fits = attention_inputs(dtype, {1, 2, 5, 8}, 5, 8);
        CHECK(can(fits, {1.0f, false, {}}));
        CHECK_FALSE(can(fits, {1.0f, true, {}}));
        CHECK_FALSE(can(
            fits, {1.0f, false,
                   ops::to(Tensor::ints({1, 5}, std::vector<std::int32_t>(5, 1)), Device::cuda)}));
        CHECK_FALSE(can(attention_inputs(DType::f32, {1, 2, 5, 8}, 5, 8), {1.0f, false, {}}));
        CHECK_FALSE(can(attention_inputs(dtype, {1, 2, 5, 12}, 5, 8), {1.0f, false, {}}));
        CHECK_FALSE(can(attention_inputs(dtype, {1, 2, 5, 8}, 5, 12), {1.0f, false, {}}));
        for (const Shape& nothing : {Shape{0, 2, 5, 8}, {1, 2, 0, 8}, {1, 2, 5, 0}})
            CHECK_FALSE(can(attention_inputs(dtype, nothing, 5, 8), {1.0f, false, {}}));
        CHECK_FALSE(can(attention_inputs(dtype, {1, 2, 5, 8}, 0, 8), {1.0f, false, {}}));

        const ops::WithCudnn cudnn({.attention = true});
        CHECK(agree(
                  [](Inputs in) {
                      return ops::scaled_dot_product_attention(in[0], in[1], in[2],
                                                               {.causal = true});
                  },
                  {noise({1, 2, 9, 8}, 1), noise({1, 2, 9, 8}, 2), noise({1, 2, 9, 8}, 3)}) == "");
    }
}

TEST_CASE("a GPU computes the same: pictures made larger and smaller") {
    if (no_gpu()) return;
    CHECK(agree([](Inputs in) { return ops::upsample_nearest(in[0], 2); },
                {noise({2, 3, 5, 4}, 1)}) == "");
    CHECK(agree([](Inputs in) { return ops::avg_pool2d(in[0], 2); }, {noise({2, 3, 7, 6}, 1)}) ==
          "");
    CHECK(agree([](Inputs in) { return ops::max_pool2d(in[0], 2); }, {noise({2, 3, 7, 6}, 1)}) ==
          "");
}

TEST_CASE("a GPU finds the same rows") {
    if (no_gpu()) return;
    const Tensor x = noise({50, 6}, 1), table = noise({300, 6}, 2);
    const Tensor here = ops::nearest_row(x, table),
                 there = ops::to(
                     ops::nearest_row(ops::to(x, Device::cuda), ops::to(table, Device::cuda)),
                     Device::cpu);
    CHECK(close(ops::to_float(there), ops::to_float(here), 0) == "");
}

TEST_CASE("a GPU takes the same steps") {
    if (no_gpu()) return;
    const auto step = [](Device device) {
        Tensor w = ops::to(noise({1000}, 1), device), m = ops::to(noise({1000}, 2), device),
               v = ops::to(positive({1000}, 3), device);
        const Tensor g = ops::to(noise({1000}, 4), device);
        ops::adam_step(w, m, v, g,
                       {.step = 3,
                        .lr = 0.01,
                        .beta1 = 0.9,
                        .beta2 = 0.999,
                        .eps = 1e-8,
                        .weight_decay = 0.1,
                        .decoupled_weight_decay = true});
        ops::lerp_into(m, w, 0.7);
        ops::add_into(v, 0.5, w, 2.0);
        return ops::to(ops::concat({w, m, v}, 0), Device::cpu);
    };
    // `to` hands the CPU's own tensor back, which a step writes over: each device has its own
    // numbers here
    CHECK(close(step(Device::cuda), step(Device::cpu), 1e-6) == "");
    const Tensor x = noise({5000}, 1);
    CHECK(ops::sum_of_squares(ops::to(x, Device::cuda)) ==
          Approx(ops::sum_of_squares(x)).epsilon(1e-12));
    const std::vector<Tensor> several{x, noise({3, 7}, 2), Tensor({0}), noise({70000}, 3)};
    double sum = 0.0;
    for (const Tensor& part : several) sum += ops::sum_of_squares(part);
    CHECK(ops::sum_of_squares(several) == sum);
    CHECK(ops::sum_of_squares(on(Device::cuda, several)) == Approx(sum).epsilon(1e-12));
    CHECK(ops::sum_of_squares(std::vector<Tensor>{}) == 0.0);
    CHECK(ops::all_finite(ops::to(x, Device::cuda)));
    CHECK_FALSE(ops::all_finite(
        ops::to(Tensor::from({2}, {1.0f, std::numeric_limits<float>::quiet_NaN()}), Device::cuda)));
    CHECK_FALSE(ops::all_finite(
        ops::to(Tensor::from({2}, {1.0f, -std::numeric_limits<float>::infinity()}), Device::cuda)));
}

TEST_CASE("a GPU replays what it was asked for, with other numbers") {
    if (no_gpu()) return;
    const Tensor w = noise({70, 8, 3, 3}, 1), m = noise({30, 40}, 2), scale = noise({70}, 3);
    const auto f = [&](Device device) {
        return [=](const std::vector<Tensor>& in) {
            const Tensor h =
                ops::conv2d(in[0] + ops::sin(ops::to_float(in[1])).reshape({-1, 1, 1, 1}),
                            ops::to(w, device), {}, {.padding = ops::Padding::all(1)});
            const Tensor level =
                ops::group_norm_silu(h, 7, ops::to(scale, device), ops::to(scale, device), 1e-5f);
            // of numbers that the host forgets
            const Tensor made_here = ops::to(ops::exp(m), device);
            return ops::matmul(level.reshape({2 * 70, 30}), made_here);
        };
    };
    ops::CudaGraphCallable replayed(f(Device::cuda));
    const auto expected = f(Device::cpu);
    for (int call = 0; call < 5; ++call) {
        const Tensor x = noise({2, 8, 5, 6}, 10 + call),
                     t = Tensor::ints({2}, std::vector<std::int32_t>{call, 7 * call});
        const Tensor y = replayed({ops::to(x, Device::cuda), ops::to(t, Device::cuda)});
        // that want the same sizes of memory
        std::vector<Tensor> others;
        for (int i = 0; i < 10 * (call + 1); ++i)
            others.push_back(ops::to(noise({2, 70, 5, 6}, i), Device::cuda));
        const Tensor again = replayed({ops::to(x, Device::cuda), ops::to(t, Device::cuda)});
        CHECK(close(ops::to(y, Device::cpu), expected({x, t}), 1e-4) == "");
        CHECK(close(ops::to(again, Device::cpu), expected({x, t}), 1e-4) == "");
        for (std::size_t i = 0; i < others.size(); ++i)
            CHECK(close(ops::to(others[i], Device::cpu), noise({2, 70, 5, 6}, static_cast<int>(i)),
                        0) == "");
    }
    // other shapes: another graph
    const Tensor small = noise({2, 8, 2, 3}, 40),
                 times = Tensor::ints({2}, std::vector<std::int32_t>{1, 2});
    ops::CudaGraphCallable sum(
        [](const std::vector<Tensor>& in) { return ops::sum(in[0]) * 3.0f; });
    for (const Tensor& x : {small, small, small, ops::to_float(times), small, small})
        CHECK(sum({ops::to(x, Device::cuda)}).item() == Approx((ops::sum(x) * 3.0f).item()));
}

TEST_CASE("a GPU whose memory is too small for a graph computes without one") {
    if (no_gpu()) return;
    bool in_a_graph = false;
    ops::CudaGraphCallable twice([&](const std::vector<Tensor>& in) {
        if (in_a_graph) throw OutOfMemory("no room");
        // the second call is the one that writes
        in_a_graph = true;
        return in[0] * 2.0f;
    });
    const Tensor x = noise({3, 4}, 1), there = ops::to(x, Device::cuda);
    CHECK(close(ops::to(twice({there}), Device::cpu), x * 2.0f, 0) == "");
    // the graph did not fit, and then the call itself did not
    CHECK_THROWS_AS(twice({there}), OutOfMemory);
    in_a_graph = false;
    CHECK(close(ops::to(twice({there}), Device::cpu), x * 2.0f, 0) == "");
}

TEST_CASE("a GPU cannot bring back numbers while a graph is written") {
    if (no_gpu()) return;
    ops::CudaGraphCallable looks(
        [](const std::vector<Tensor>& in) { return in[0] * ops::sum(in[0]).item(); });
    const Tensor x = ops::to(noise({3}, 1), Device::cuda);
    looks({x});
    CHECK_THROWS_WITH(looks({x}), test::has_text("a graph is being written"));
    // the stream is in order
    CHECK(close(ops::to(x + x, Device::cpu), ops::to(x, Device::cpu) * 2.0f, 0) == "");
}

namespace {

/// The GPU in 16 bits against the CPU in float32 with the same rounded inputs, to some roundings.
void check_16_bits(const Function& f, Inputs inputs, double roundings = 1.0) {
    for (const auto& [dtype, precision] :
         {std::pair(DType::f16, 1.0 / 1024), std::pair(DType::bf16, 1.0 / 128)}) {
        std::vector<Tensor> narrow, rounded;
        for (const Tensor& x : inputs) {
            narrow.push_back(there_as(dtype, x));
            rounded.push_back(back(narrow.back()));
        }
        const Tensor there = f(narrow), here = f(rounded);
        CHECK(there.dtype() == dtype);
        CHECK(close(back(there), here, roundings * precision * largest(here)) == "");
    }
}

}  // namespace

TEST_CASE("a GPU computes with 16 bits to their precision") {
    if (no_gpu()) return;
    check_16_bits([](Inputs in) { return ops::silu(in[0]); }, {noise({3, 43}, 1)});
    check_16_bits([](Inputs in) { return in[0] + in[1]; }, {noise({3, 43}, 1), noise({43}, 2)});
    // what does not fill 16 bytes, what is left over, and neither
    for (const std::int64_t length : {1, 43, 64})
        check_16_bits([](Inputs in) { return in[0] + in[1]; },
                      {noise({3, length}, 1), noise({3, length}, 2)});
    for (const auto& [first, second] : {std::pair(8, 16), std::pair(8, 3), std::pair(3, 8)}) {
        check_16_bits(
            [](Inputs in) {
                return ops::concat({in[0], in[1]}, 1);
            },
            {noise({2, first, 5}, 1), noise({2, second, 5}, 2)});
        check_16_bits([end = first + 5](Inputs in) { return ops::slice(in[0], 1, 1, end); },
                      {noise({3, first + 7, second}, 1)});
    }
    check_16_bits([](Inputs in) { return ops::permute(in[0], {1, 0}); }, {noise({3, 43}, 1)});
    check_16_bits([](Inputs in) { return ops::linear(in[0], in[1], in[2]); },
                  {noise({9, 40}, 1), noise({17, 40}, 2), noise({17}, 3)});
    check_16_bits(
        [](Inputs in) {
            return ops::conv2d(in[0], in[1], in[2], {.padding = ops::Padding::all(1)});
        },
        {noise({1, 8, 6, 6}, 1), noise({9, 8, 3, 3}, 2), noise({9}, 3)});
    check_16_bits([](Inputs in) { return ops::group_norm(in[0], 4, in[1], in[2], 1e-5f); },
                  {noise({2, 8, 5, 3}, 1), noise({8}, 2), noise({8}, 3)});
    for (const std::int64_t side : {5, 72})
        check_16_bits([](Inputs in) { return ops::group_norm_silu(in[0], 4, in[1], in[2], 1e-5f); },
                      {noise({2, 8, side, side}, 1), noise({8}, 2), noise({8}, 3)});
    check_16_bits([](Inputs in) { return ops::softmax(in[0]); }, {noise({4, 30}, 1)});
    const ops::Conv2dOptions lopsided{.stride = 2, .padding = {0, 1, 1, 2}};
    check_16_bits([&](Inputs in) { return ops::conv2d(in[0], in[1], in[2], lopsided); },
                  {noise({2, 40, 9, 11}, 1), noise({70, 40, 3, 3}, 2), noise({70}, 3)});
    check_16_bits(
        [](Inputs in) {
            return ops::conv2d(in[0], in[1], in[2], {.padding = ops::Padding::all(1)});
        },
        {noise({1, 300, 4, 4}, 1), noise({3, 300, 3, 3}, 2), noise({3}, 3)});
}

TEST_CASE("a GPU computes attention with 16 bits to their precision") {
    if (no_gpu()) return;
    for (const std::int64_t d : {20, 40, 64, 80, 160}) {
        const auto attend = [](Inputs in) {
            return ops::scaled_dot_product_attention(in[0], in[1], in[2]);
        };
        const auto causal = [](Inputs in) {
            return ops::scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true});
        };
        check_16_bits(
            attend, {noise({1, 2, 20, d}, 1), noise({1, 2, 150, d}, 2), noise({1, 2, 150, d}, 3)});
        check_16_bits(causal,
                      {noise({1, 2, 77, d}, 1), noise({1, 2, 77, d}, 2), noise({1, 2, 77, d}, 3)});
    }
    for (const std::int64_t d : {40, 160})
        // which fill the tiles, and which do not
        for (const std::int64_t keys : {64, 77})
            for (const bool causal : {false, true}) {
                const Tensor of_each = some_of(3, keys);
                check_16_bits(
                    [&](Inputs in) {
                        return ops::scaled_dot_product_attention(
                            in[0], in[1], in[2], {.causal = causal, .key_padding_mask = of_each});
                    },
                    {noise({3, 2, causal ? keys : 20, d}, 1), noise({3, 2, keys, d}, 2),
                     noise({3, 2, keys, d}, 3)});
            }
    // scores beyond f16
    const Tensor many = noise({1, 1, 20, 512}, 1, 0.1f) + 16.0f,
                 others = noise({1, 1, 30, 512}, 2, 0.1f) + 16.0f;
    check_16_bits([](Inputs in) { return ops::scaled_dot_product_attention(in[0], in[1], in[2]); },
                  {many, others, noise({1, 1, 30, 512}, 3)},
                  // float32, too, knows sums of 131072 to a hundredth only
                  4.0);
    const Tensor nobody = Tensor::ints({1, 30}, std::vector<std::int32_t>(30, 0));
    check_16_bits(
        [&](Inputs in) {
            return ops::attention_weights(in[0], in[1], {.key_padding_mask = nobody});
        },
        {many, others});
}

TEST_CASE(
    "a stored case on a GPU: gradients in float32, forward in 16 bits, where the error is that of "
    "the type") {
    if (no_gpu()) return;
    verify::Registry registry;
    resblock::register_components(registry);
    const auto run = [&](DType dtype) {
        return verify::verify_file(
            registry, LDM_SOURCE_DIR "/reference_data/05_resblock/ResBlock.tiny_input.safetensors",
            Device::cuda, dtype);
    };
    const auto gradients = [](const verify::FileReport& report) {
        return std::ranges::count_if(report.comparisons,
                                     [](const auto& c) { return c.name.starts_with("grad"); });
    };
    const verify::FileReport f32 = run(DType::f32);
    CHECK((f32.status == verify::FileReport::Status::passed && gradients(f32) > 0));
    for (const DType dtype : {DType::f16, DType::bf16}) {
        const verify::FileReport report = run(dtype);
        CHECK(report.status == verify::FileReport::Status::passed);
        CHECK(std::ssize(report.comparisons) == std::ssize(f32.comparisons) - gradients(f32));
        for (const verify::Comparison& c : report.comparisons) {
            INFO(name_of(dtype) << ", " << c.name);
            // rounded, but not often
            CHECK((c.rms > verify::bound_in_16_bits(dtype) / 1024 &&
                   c.rms < verify::bound_in_16_bits(dtype) / 4));
        }
    }
}

TEST_CASE("a GPU gets the weights of a file, 16-bit ones as they are") {
    if (no_gpu()) return;
    const test::TemporaryFolder folder;
    const auto path = folder.path() / "weights.safetensors";
    // 1, -2, 1/3, 2^-24, 65504, -0
    const std::vector<std::uint16_t> halves{0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x8000};
    const std::vector<std::uint16_t> brains{0x3f80, 0xc000, 0x3eab, 0x0001, 0x477f, 0x8000};
    const std::vector<float> floats{1.0f, -2.0f, 1.0f / 3.0f, 1e-30f, 65504.0f, -0.0f};
    const auto entry = [](const char* name, io::DType dtype, const auto& numbers) {
        return io::TensorEntry{name, dtype, {2, 3}, std::as_bytes(std::span(numbers))};
    };
    io::write_safetensors(path, std::vector{entry("f16", io::DType::f16, halves),
                                            entry("bf16", io::DType::bf16, brains),
                                            entry("f32", io::DType::f32, floats)});
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
        nn::Checkpoint here, there;
        for (nn::Checkpoint* checkpoint : {&here, &there})
            checkpoint->add(io::open_safetensors(path));
        there.use({Device::cuda, dtype});
        here.reshape("f16", [](const Shape&) { return Shape{3, 2}; });
        there.reshape("f16", [](const Shape&) { return Shape{3, 2}; });
        for (const auto& [name, weights] : there.load_all()) {
            INFO(name << " as " << name_of(dtype));
            CHECK((weights.device() == Device::cuda && weights.dtype() == dtype));
            const Tensor expected = here.load_all().at(name);
            CHECK(close(back(weights), back(there_as(dtype, expected)), 0) == "");
        }
    }
}

TEST_CASE("a GPU gets much at once, in pieces, and the host may forget it") {
    if (no_gpu()) return;
    // more than may be on its way
    const std::int64_t count = (40 << 20) / 4 + 3;
    std::vector<Tensor> there;
    for (int i = 0; i < 2; ++i) {
        Tensor x({count});
        for (std::int64_t j = 0; j < count; ++j) x.data()[j] = static_cast<float>(j % 8191 + i);
        there.push_back(ops::to(x, Device::cuda));
        std::ranges::fill(x.values(), -1.0f);
    }
    for (int i = 0; i < 2; ++i) {
        const Tensor x = ops::to(there[i], Device::cpu);
        std::int64_t wrong = 0;
        for (std::int64_t j = 0; j < count; ++j)
            wrong += x.data()[j] != static_cast<float>(j % 8191 + i);
        CHECK(wrong == 0);
    }
}

TEST_CASE("what a GPU computed becomes the same pictures") {
    if (no_gpu()) return;
    const Tensor x = noise({2, 3, 5, 4}, 1), there = ops::to(x, Device::cuda);
    CHECK(image::to_image(there, 1) == image::to_image(x, 1));
    CHECK(figures::channel_map(there, 1, 2, figures::ColorMap::diverging, -1, 1) ==
          figures::channel_map(x, 1, 2, figures::ColorMap::diverging, -1, 1));
}

TEST_CASE("a model's weights and its stored activations are where they are asked for") {
    if (no_gpu()) return;
    const auto folder = nn::shipped_model();
    const nn::ModelSource here = nn::open_folder(folder),
                          there = nn::open_folder(folder, Device::cuda);
    const auto scale = [](const nn::ModelSource& model) {
        return (model.weights() / "clip_model").get("logit_scale", {});
    };
    CHECK(here.device() == Device::cpu);
    CHECK(scale(here).device() == Device::cpu);
    CHECK(there.device() == Device::cuda);
    CHECK(scale(there).device() == Device::cuda);
    CHECK(scale(there).item() == scale(here).item());

    const nn::ActivationSnapshot snapshot = nn::read_activation_snapshot(folder, Device::cuda);
    CHECK(snapshot.at("x").device() == Device::cuda);
    const test::TemporaryFolder copy;
    nn::write_activation_snapshot(copy.path(), snapshot);
    CHECK(close(nn::read_activation_snapshot(copy.path()).at("x"),
                nn::read_activation_snapshot(folder).at("x"), 0) == "");
}

TEST_CASE("tensors on two devices are an error that shows both") {
    if (no_gpu()) return;
    const Tensor here({2, 3}), there(Shape{3}, DType::f32, Device::cuda);
    CHECK_THROWS_WITH(here + there, test::has_text("float32 [2, 3] on cpu") &&
                                        test::has_text("float32 [3] on cuda"));
    CHECK_THROWS_WITH(there.data(),
                      test::has_text("expected float32 on the cpu, got float32 [3] on cuda"));
}

TEST_CASE("a GPU computes the same: every step of chapter 04's variants") {
    if (no_gpu()) return;
    if constexpr (build::has_cuda) {
        struct Sizes {
            std::int64_t queries, keys, width, out;
        };
        const auto [queries, keys, width, out] =
            GENERATE(Sizes{1, 1, 1, 1}, Sizes{5, 7, 3, 4}, Sizes{64, 32, 40, 40},
                     Sizes{65, 33, 64, 64}, Sizes{20, 300, 16, 5});
        // loud scores overflow exp() without a maximum
        const float loud = GENERATE(0.01f, 1.0f, 20.0f);
        const Tensor q = noise({queries, width}, 1, loud), k = noise({keys, width}, 2, loud),
                     v = noise({keys, out}, 3);
        const Tensor expected = attention::variants::naive(q, k, v);
        const std::vector<Tensor> there = on(Device::cuda, {q, k, v});
        // a score's rounding moves its weight
        const double tolerance = 1e-5 * std::max(1.0f, loud * loud);
        INFO(queries << " queries, " << keys << " keys, width " << width << ", loudness " << loud);
        namespace gpu = attention::variants::gpu;
        for (auto step : {gpu::naive, gpu::tiled, gpu::online_softmax})
            CHECK(close(ops::to(step(there[0], there[1], there[2]), Device::cpu), expected,
                        tolerance) == "");
    }
}

TEST_CASE("a GPU computes the same: every variant of chapter 05's GroupNorm and SiLU") {
    if (no_gpu()) return;
    if constexpr (build::has_cuda) {
        struct Sizes {
            Shape x;
            int groups;
        };
        const auto [shape, groups] =
            GENERATE(Sizes{{1, 1, 1, 1}, 1}, Sizes{{2, 6, 3, 5}, 3}, Sizes{{2, 6, 3, 5}, 6},
                     Sizes{{3, 64, 2, 2}, 32}, Sizes{{1, 35, 17, 9}, 5}, Sizes{{2, 4, 33, 31}, 2},
                     Sizes{{67, 2, 1, 3}, 2});
        // quiet: eps counts
        const auto [loud, far] =
            GENERATE(std::pair(1.0f, 0.0f), std::pair(0.01f, 0.0f), std::pair(0.1f, 30.0f));
        const Tensor x = noise(shape, 1, loud) + far, scale = noise({shape[1]}, 2),
                     offset = noise({shape[1]}, 3);
        const Tensor expected =
            ops::silu(ops::reference::group_norm(x, groups, scale, offset, 1e-5f));
        // near 30 a float knows the mean to 1e-6
        const double tolerance = 1e-5 * largest(expected) + 1e-6 * far / loud;
        const std::vector<Tensor> there = on(Device::cuda, {x, scale, offset});
        INFO(to_string(shape) << " in " << groups << " groups, loudness " << loud << " around "
                              << far);
        namespace gpu = resblock::variants::gpu;
        for (auto step : {gpu::norm_naive, gpu::norm_block_per_group, gpu::norm_fused})
            CHECK(close(ops::to(step(there[0], groups, there[1], there[2], 1e-5f), Device::cpu),
                        expected, tolerance) == "");
    }
}

TEST_CASE("a GPU computes the same: every variant of chapter 05's convolution") {
    if (no_gpu()) return;
    if constexpr (build::has_cuda) {
        struct Sizes {
            std::int64_t pictures, channels, height, width, out;
        };
        const auto [pictures, channels, height, width, out] =
            GENERATE(Sizes{1, 1, 1, 1, 1}, Sizes{1, 1, 2, 3, 2}, Sizes{2, 3, 5, 7, 4},
                     Sizes{1, 16, 4, 4, 16}, Sizes{2, 17, 9, 15, 33}, Sizes{3, 5, 1, 40, 7},
                     Sizes{1, 2, 19, 1, 18}, Sizes{1, 40, 13, 11, 20});
        const Tensor x = noise({pictures, channels, height, width}, 1),
                     weight = noise({out, channels, 3, 3}, 2), bias = noise({out}, 3);
        const Tensor expected =
            ops::reference::conv2d(x, weight, bias, {.padding = ops::Padding::all(1)});
        const std::vector<Tensor> there = on(Device::cuda, {x, weight, bias});
        INFO(to_string(x.shape()) << " to " << out << " channels");
        namespace gpu = resblock::variants::gpu;
        for (auto step : {gpu::conv_direct, gpu::conv_im2col, gpu::conv_implicit_gemm})
            CHECK(close(ops::to(step(there[0], there[1], there[2]), Device::cpu), expected,
                        1e-5 * largest(expected)) == "");
    }
}

TEST_CASE("a variant of chapter 05's kernels says which operand does not fit") {
    if (no_gpu()) return;
    if constexpr (build::has_cuda) {
        const auto there = [](const Shape& shape) {
            return Tensor(shape, DType::f32, Device::cuda);
        };
        const Tensor x = there({1, 6, 4, 4}), six = there({6}), five = there({5});
        namespace gpu = resblock::variants::gpu;
        for (auto step : {gpu::norm_naive, gpu::norm_block_per_group, gpu::norm_fused}) {
            CHECK_THROWS_WITH(step(x, 4, six, six, 1e-5f),
                              test::has_text("6 channels do not make 4 groups"));
            CHECK_THROWS_WITH(step(x, 0, six, six, 1e-5f),
                              test::has_text("6 channels do not make 0 groups"));
            CHECK_THROWS_WITH(step(x, 3, five, six, 1e-5f), test::has_text("[6]"));
            CHECK_THROWS_WITH(step(x, 3, six, five, 1e-5f), test::has_text("[6]"));
        }
        for (auto step : {gpu::conv_direct, gpu::conv_im2col, gpu::conv_implicit_gemm}) {
            CHECK_THROWS_WITH(step(x, there({5, 7, 3, 3}), five), test::has_text("[5, 6, 3, 3]"));
            CHECK_THROWS_WITH(step(x, there({5, 6, 1, 1}), five), test::has_text("[5, 6, 3, 3]"));
            CHECK_THROWS_WITH(step(x, there({5, 6, 3, 3}), six), test::has_text("[5]"));
            CHECK_THROWS_WITH(step(noise({1, 6, 4, 4}, 1), there({5, 6, 3, 3}), five),
                              test::has_text("on cuda"));
        }
    }
}
