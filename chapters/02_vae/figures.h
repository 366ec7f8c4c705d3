#pragma once

#include <vector>

#include "chapters/02_vae/reconstruction.h"
#include "common/figures/canvas.h"

/// The figures of this chapter.

namespace ldm::vae {

/// One row a picture: the picture, its latent channels, the reconstruction, the difference.
figures::Canvas reconstruction_figure(const std::vector<RoundTrip>& trips);

/// A latent traversal: one row for each channel, the reconstruction with all of the channel moved
/// down or up.
figures::Canvas latent_traversal_figure(const AutoencoderKL& autoencoder, const RoundTrip& trip);

}  // namespace ldm::vae
