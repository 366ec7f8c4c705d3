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

/// The reconstruction loss: absolute (or squared) error of each pixel plus perceptual loss (LPIPS;
/// Zhang et al., 2018),
///
///     total = |x - rec| + perceptual_weight LPIPS(x, rec)
///
/// The second term is one number for a picture, added to each of its pixels. Upstream: rec_loss in
/// LPIPSWithDiscriminator.forward (ldm's losses/contperceptual.py) and in vqperceptual.py.
class ReconstructionLoss {
public:
    struct Config {
        float perceptual_weight = 1.0f;
        PixelLoss pixel_loss = PixelLoss::l1;
    };

    /// `weights` is the prefix of LPIPS, upstream's perceptual_loss. With a perceptual_weight of 0
    /// its weights are not needed, but read if they are there, as in upstream's checkpoints. Throws
    /// an Error for a perceptual_weight below 0.
    ReconstructionLoss(const nn::Params& weights, Config config);

    struct Parts {
        /// [N, 3, H, W]
        Tensor total;
        /// LPIPS alone, before its weight: [N, 1, 1, 1], or a 0 [] with a weight of 0
        Tensor perceptual;
    };

    /// x, rec [N, 3, H, W] in [-1, 1]. Throws an Error unless both have the same shape.
    Parts operator()(const Tensor& x, const Tensor& rec) const;

private:
    Config config_;
    std::optional<LPIPS> lpips_;
};

}  // namespace ldm::train
