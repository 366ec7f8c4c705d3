#include "chapters/09_training/losses/gan_losses.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/transfer.h"

namespace ldm::train {

using ops::mean;
using ops::relu;
using ops::softplus;

DiscLoss disc_loss_from(const std::string& name) {
    if (name == "hinge") return DiscLoss::hinge;
    if (name == "vanilla") return DiscLoss::vanilla;
    throw Error(fmt::format("'disc_loss' is '{}', expected hinge or vanilla", name));
}

//! [losses]
Tensor hinge_d_loss(const Tensor& logits_real, const Tensor& logits_fake) {
    return 0.5f * (mean(relu(-logits_real + 1.0f)) + mean(relu(logits_fake + 1.0f)));
}

Tensor vanilla_d_loss(const Tensor& logits_real, const Tensor& logits_fake) {
    return 0.5f * (mean(softplus(-logits_real)) + mean(softplus(logits_fake)));
}

Tensor g_loss(const Tensor& logits_fake) { return -mean(logits_fake); }
//! [losses]

Tensor hinge_d_loss_with_exemplar_weights(const Tensor& logits_real, const Tensor& logits_fake,
                                          const Tensor& weights) {
    expect_shape(weights, {logits_real.dim(0)});
    expect_shape(weights, {logits_fake.dim(0)});
    const auto weighted_mean = [&](const Tensor& losses) {
        return ops::sum(weights * losses) / ops::sum(weights);
    };
    return 0.5f * (weighted_mean(ops::mean_per_sample(relu(-logits_real + 1.0f))) +
                   weighted_mean(ops::mean_per_sample(relu(logits_fake + 1.0f))));
}

Tensor d_loss(DiscLoss kind, const Tensor& logits_real, const Tensor& logits_fake) {
    return kind == DiscLoss::hinge ? hinge_d_loss(logits_real, logits_fake)
                                   : vanilla_d_loss(logits_real, logits_fake);
}

float adopt_weight(float weight, int global_step, int threshold, float value) {
    return global_step < threshold ? value : weight;
}

CodebookUse measure_perplexity(const Tensor& indices, int n_embed) {
    const Tensor read = ops::to(indices, Device::cpu);
    std::vector<double> counts(n_embed, 0.0);
    for (std::int64_t i = 0; i < indices.size(); ++i) {
        const std::int32_t index = read.ints()[i];
        if (index < 0 || index >= n_embed)
            fail(fmt::format("index {} is not in a codebook of {} entries", index, n_embed));
        ++counts[index];
    }
    double entropy = 0.0;
    int used = 0;
    for (const double count : counts) {
        const double p = count / static_cast<double>(indices.size());
        entropy -= p * std::log(p + 1e-10);
        used += count > 0.0;
    }
    return {static_cast<float>(std::exp(entropy)), used};
}

}  // namespace ldm::train
