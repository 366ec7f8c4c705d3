#pragma once

#include <optional>
#include <string>

#include "chapters/09_training/losses/lpips.h"

namespace ldm::train {

enum class PixelLoss {
    /// |x - rec|
    l1,
    /// (x - rec)^2
    l2
};

/// "l1" or "l2"; another name is an Error.
PixelLoss pixel_loss_from(const std::string& name);

/// The reconstruction loss: absolute (or squared) error of each pixel plus perceptual loss,
///
///     r = |x - rec| + perceptual_weight LPIPS(x, rec)
///
/// The second term is one number for a picture, added to each of its pixels. With a weight of 0 it
/// is left out and no weights of LPIPS are needed.
class ReconstructionLoss {
public:
    struct Config {
        float perceptual_weight = 1.0f;
        PixelLoss pixel_loss = PixelLoss::l1;
    };

    /// `weights` is where LPIPS is: upstream's perceptual_loss.
    ReconstructionLoss(const nn::Params& weights, Config config);

    struct Parts {
        /// [N, C, H, W]
        Tensor r;
        /// LPIPS alone: [N, 1, 1, 1], or a 0 []
        Tensor p;
    };
    Parts operator()(const Tensor& x, const Tensor& rec) const;

private:
    Config config_;
    std::optional<LPIPS> lpips_;
};

}  // namespace ldm::train
