#include "chapters/09_training/losses/reconstruction_loss.h"

#include <fmt/format.h>

#include "common/ops/elementwise.h"
#include "common/ops/transfer.h"

namespace ldm::train {

PixelLoss pixel_loss_from(const std::string& name) {
    if (name == "l1") return PixelLoss::l1;
    if (name == "l2") return PixelLoss::l2;
    throw Error(fmt::format("'pixel_loss' is '{}', expected l1 or l2", name));
}

ReconstructionLoss::ReconstructionLoss(const nn::Params& weights, Config config) : config_(config) {
    expect(config.perceptual_weight >= 0.0f,
           fmt::format("'perceptual_weight' is {}, expected 0 or more", config.perceptual_weight));
    // Upstream's checkpoints carry LPIPS in any case.
    if (config.perceptual_weight > 0.0f || weights.contains("net.slice1.0.weight"))
        lpips_.emplace(weights);
}

//! [forward]
ReconstructionLoss::Parts ReconstructionLoss::operator()(const Tensor& x, const Tensor& rec) const {
    expect_shape(rec, x.shape());
    const Tensor pixels =
        config_.pixel_loss == PixelLoss::l1 ? ops::abs(x - rec) : ops::square(x - rec);
    if (config_.perceptual_weight == 0.0f)
        return {pixels, ops::to(Tensor::scalar(0.0f), x.device())};
    const Tensor perceptual = (*lpips_)(x, rec);  // [N, 1, 1, 1]
    return {pixels + config_.perceptual_weight * perceptual, perceptual};
}
//! [forward]

}  // namespace ldm::train
