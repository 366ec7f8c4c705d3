#pragma once

#include "common/ops/cpu/simd.h"

namespace ldm::ops::cpu::packed {

/// Copies `lanes` rows or columns of a matrix over `depth` values of k to to[k][lane], where
/// neighbouring lanes lie `lane_step` apart in `from` and neighbouring k `depth_step`. Lanes from
/// there to `width` become 0.
template <int width>
void pack_strided(const float* from, std::int64_t lane_step, std::int64_t depth_step, int lanes,
                  std::int64_t depth, float* to) {
    // Rows far apart are no pattern the processor foresees, so they are asked for ahead of time.
    if (lane_step == 1 && lanes == width) {
        constexpr std::int64_t ahead = 8;
        for (std::int64_t k = 0; k < depth; ++k) {
            for (int lane = 0; lane < width; lane += simd_width) {
                __builtin_prefetch(from + (k + ahead) * depth_step + lane);
                store(to + k * width + lane, load(from + k * depth_step + lane));
            }
        }
        return;
    }
    std::int64_t k = 0;
    // squares of simd_width x simd_width are turned around in registers
    if (depth_step == 1) {
        constexpr std::int64_t ahead = 4 * simd_width;
        for (; k + simd_width <= depth; k += simd_width)
            for (int lane = 0; lane < width; lane += simd_width) {
                Floats square[simd_width];
                for (int i = 0; i < simd_width; ++i) {
                    const float* row = from + (lane + i) * lane_step + k;
                    __builtin_prefetch(row + ahead);
                    square[i] = lane + i < lanes ? load(row) : Floats{};
                }
                transpose(square);
                for (int i = 0; i < simd_width; ++i) store(to + (k + i) * width + lane, square[i]);
            }
    }
    for (; k < depth; ++k)
        for (int lane = 0; lane < width; ++lane)
            to[k * width + lane] = lane < lanes ? from[lane * lane_step + k * depth_step] : 0.0f;
}

}  // namespace ldm::ops::cpu::packed
