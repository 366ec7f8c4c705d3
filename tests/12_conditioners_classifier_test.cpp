// Guidance by a classifier of noisy latents.

#include <cmath>

#include "chapters/12_conditioners/classifier/classifier_guidance.h"
#include "chapters/12_conditioners/encoder_unet.h"
#include "common/nn/params.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/shape.h"
#include "common/ops/softmax.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::conditioners;
using ddpm::Parameterization;
using ddpm::Schedule;

namespace {

const Tensor labels = Tensor::ints({2}, std::vector<std::int32_t>{2, 0});
const Tensor times = Tensor::ints({2}, std::vector<std::int32_t>{10, 700});

/// log p(y | x) of one picture, by its definition.
double log_probability(const Tensor& logits, std::int64_t row, int label) {
    const std::int64_t classes = logits.dim(1);
    double sum = 0;
    for (std::int64_t i = 0; i < classes; ++i) sum += std::exp(logits.data()[row * classes + i]);
    return logits.data()[row * classes + label] - std::log(sum);
}

/// A linear classifier of 3 classes of latents of 8 numbers.
Tensor linear_classifier(const Tensor& x, const Tensor&) {
    return ops::linear(x.reshape({x.dim(0), 8}), test::noise({3, 8}, 5));
}

Schedule schedule_of(Parameterization parameterization) {
    Schedule::Config config;
    config.parameterization = parameterization;
    return Schedule(config);
}

}  // namespace

TEST_CASE("a classifier's gradient is that of log p(y | x), for each picture alone") {
    const Tensor x = test::noise({2, 2, 2, 2}, 1);
    const Tensor gradient = classifier_gradient(linear_classifier, x, times, labels);
    // of a linear one: the row of the label minus the mean of all rows
    const Tensor rows = test::noise({3, 8}, 5);
    const Tensor p = ops::softmax(linear_classifier(x, times));
    std::vector<float> expected;
    for (std::int64_t n = 0; n < 2; ++n)
        for (std::int64_t i = 0; i < 8; ++i) {
            double mean = 0;
            for (std::int64_t c = 0; c < 3; ++c)
                mean += p.data()[n * 3 + c] * rows.data()[c * 8 + i];
            expected.push_back(static_cast<float>(rows.data()[labels.ints()[n] * 8 + i] - mean));
        }
    CHECK(test::close(gradient, Tensor::from({2, 2, 2, 2}, expected), 1e-5) == "");
}

TEST_CASE("a step along the gradient of an EncoderUNetModel makes the class likelier") {
    const auto config = EncoderUNetModel::Config::from_json({{"image_size", 4},
                                                             {"in_channels", 3},
                                                             {"out_channels", 5},
                                                             {"model_channels", 32},
                                                             {"num_res_blocks", 1},
                                                             {"attention_resolutions", {1}},
                                                             {"channel_mult", {1}},
                                                             {"num_head_channels", 32},
                                                             {"pool", "attention"}});
    nn::Checkpoint weights;
    int seed = 0;
    weights.add_fallback(
        [&](const std::string&, const Shape& shape) { return test::noise(shape, ++seed, 0.2f); });
    const EncoderUNetModel network(weights.root(), config);
    const NoisyClassifier classifier = [&](const Tensor& x, const Tensor& t) {
        return network(x, t);
    };
    const Tensor x = test::noise({2, 3, 4, 4}, 1);
    const Tensor gradient = classifier_gradient(classifier, x, times, labels);
    const Tensor before = network(x, times), after = network(x + 1e-2f * gradient, times);
    for (const int row : {0, 1}) {
        const int label = labels.ints()[row];
        CHECK(log_probability(after, row, label) > log_probability(before, row, label));
    }
}

TEST_CASE("guidance is the same change of eps, whatever the network predicts") {
    const Tensor x = test::noise({2, 2, 2, 2}, 1), eps = test::noise({2, 2, 2, 2}, 2);
    const Schedule schedule = schedule_of(Parameterization::eps);
    const Tensor ac = ddpm::at(schedule.alphas_cumprod, times), root = ops::sqrt(ac),
                 noise = ops::sqrt(-ac + 1.0f);
    const float scale = 3;
    const Tensor expected =
        eps - scale * noise * classifier_gradient(linear_classifier, x, times, labels);
    const Tensor x0 = (x - noise * eps) / root;
    const auto guided = [&](Parameterization predicts, const Tensor& prediction, const Tensor& t) {
        return classifier_guidance(linear_classifier, schedule_of(predicts), labels, scale)(
            [=](const Tensor&, const Tensor&) { return prediction; })(x, t);
    };
    CHECK(test::close(guided(Parameterization::eps, eps, times), expected, 1e-4) == "");
    CHECK(test::close(guided(Parameterization::eps, eps, ops::to_float(times)), expected, 1e-4) ==
          "");
    // eps of a predicted x0, and of a predicted v
    const Tensor of_x0 = guided(Parameterization::x0, x0, times);
    CHECK(test::close((x - root * of_x0) / noise, expected, 1e-3) == "");
    const Tensor of_v = guided(Parameterization::v, root * eps - noise * x0, times);
    CHECK(test::close(root * of_v + noise * x, expected, 1e-4) == "");
}
