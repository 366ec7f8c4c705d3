#pragma once

#include "chapters/08_ldm_pipeline/first_stage.h"

/// The autoencoder in tiles: large pictures in the memory of smaller ones, and no seams. Only the
/// middle stage, whose attention looks at all pixels, is computed at once, where there are fewest
/// of them. All other layers are computed in strips, tiles as wide as the picture, each enlarged by
/// as far as convolutions see. A GroupNorm normalizes by the mean and variance of the whole map, so
/// the layers before it run over all strips twice: first to measure, then to normalize. At most one
/// map is in memory whole.
///
/// Programs that decode tiles independently of each other, and blend them, save more memory; each
/// tile then has its own mean and variance, hence its own contrast (chapter 11's lesson shows it).
/// The idea to measure first is that of "Tiled VAE" (Li Yi's
/// multidiffusion-upscaler-for-automatic1111), which keeps the maps of all tiles.

namespace ldm::editing {

/// Pixels of a strip, at every resolution, unless told otherwise: a strip of 128 channels is 32 MB.
inline constexpr std::int64_t pixels_of_strip = 1 << 16;

/// The pictures that first_stage(z) gives, to rounding: z [N, C, h, w] -> [N, 3, f h, f w]. Takes
/// about twice as long. Throws an Error unless pixels >= 1, and as first_stage does.
[[nodiscard]] Tensor decode_in_strips(const pipeline::FirstStageDecoder& first_stage,
                                      const Tensor& z, std::int64_t pixels = pixels_of_strip);

/// The latents that first_stage(x, noise) gives, to rounding: pictures x [N, 3, H, W] and noise
/// [N, C, h, w] -> [N, C, h, w]. Throws as above.
[[nodiscard]] Tensor encode_in_strips(const pipeline::FirstStageEncoder& first_stage,
                                      const Tensor& x, const Tensor& noise,
                                      std::int64_t pixels = pixels_of_strip);

}  // namespace ldm::editing
