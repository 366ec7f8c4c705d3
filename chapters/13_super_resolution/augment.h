#pragma once

#include <cstdint>

#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

inline constexpr int augmentations = 8;

/// One of the eight ways to lay a square onto itself, of every plane of x [N, C, H, W]; 0 leaves it
/// as it is. Upstream's order (augment_img): of mode 1 to 7, rotated by 90, 0, 270, 180, 90, 180,
/// 270 degrees counter-clockwise; 1, 2, 4 and 7 are then turned upside down. Throws an Error for
/// another mode.
[[nodiscard]] Tensor augment(const Tensor& x, int mode);

/// The mode that gives x back: augment(augment(x, mode), undoing(mode)) is x.
[[nodiscard]] int undoing(int mode);

/// A small picture and the part of a large one that it shows.
struct PatchPair {
    Tensor low, high;
};

/// `size` x `size` pixels of `low` at a place drawn by lot, and the same part of `high`, which is
/// `scale` times as large. Throws an Error where the two do not belong together or are smaller.
[[nodiscard]] PatchPair random_patch(const Tensor& low, const Tensor& high, int scale, int size,
                                     std::uint64_t seed);

}  // namespace ldm::super_resolution
