#pragma once

#include "chapters/02_vae/vector_quantizer.h"

namespace ldm::vae {

/// A first stage that leaves pictures as they are, so that a latent diffusion model draws pixels
/// (IdentityFirstStage in ldm's autoencoder.py). It has no weights.
class IdentityFirstStage {
public:
    Tensor encode(const Tensor& x) const { return x; }
    Tensor decode(const Tensor& z) const { return z; }

    /// z itself, without a loss and without indices (upstream with vq_interface).
    VectorQuantizer2::Result quantize(const Tensor& z) const { return {.z_q = z}; }
};

}  // namespace ldm::vae
