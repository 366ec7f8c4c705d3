#pragma once

#include "chapters/02_vae/interpolation.h"

namespace ldm::vae {

/// A picture made larger or smaller without weights (Resize in diffusionmodules/model.py).
/// Upstream's `learned` one was never written. Its `nearest` and `area` end with an error of
/// PyTorch, which takes no align_corners with them; here they work.
class Resize {
public:
    explicit Resize(Interpolation mode = Interpolation::bilinear) : mode_(mode) {}

    /// x [N, C, H, W] -> [N, C, floor(H scale_factor), floor(W scale_factor)]. Throws an Error
    /// where no pixel would be left.
    Tensor operator()(const Tensor& x, double scale_factor = 1.0) const {
        return scale_factor == 1.0 ? x : rescaled(x, scale_factor, mode_);
    }

private:
    Interpolation mode_;
};

}  // namespace ldm::vae
