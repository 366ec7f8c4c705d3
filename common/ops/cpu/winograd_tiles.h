#pragma once

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/ops/cpu/packed_kernel.h"
#include "common/tensor/tensor.h"

/// The tiles of Winograd's convolution (cpu/winograd.cpp): where they lie, and their transforms on
/// the way from the picture and back to it. One lane of a register works on one tile.
namespace ldm::ops::cpu::winograd {

// numbers of a transformed tile
constexpr int positions = 16;
// tiles, one for each lane of two registers
constexpr int tiles_at_once = packed::tile_columns;

/// d -> B^T d along one axis: four numbers, `step` apart.
inline void transform_input(Floats* d, int step) {
    const Floats a = d[0], b = d[step], c = d[2 * step], e = d[3 * step];
    d[0] = a - c;
    d[step] = b + c;
    d[2 * step] = c - b;
    d[3 * step] = b - e;
}

/// m -> A^T m along one axis: four numbers become two.
inline std::pair<Floats, Floats> transform_output(Floats a, Floats b, Floats c, Floats d) {
    return {a + b + c, b - c - d};
}

/// Which tile of which picture: they count along rows, rows, pictures.
struct Tiling {
    // shape of x
    std::int64_t pictures, channels, height, width;
    std::int64_t out_h, out_w;
    std::int64_t top, left;

    std::int64_t across() const { return (out_w + 1) / 2; }
    std::int64_t down() const { return (out_h + 1) / 2; }
    std::int64_t count() const { return pictures * down() * across(); }

    /// Tiles next to each other in one row of tiles.
    struct Run {
        // place of the first output pixel
        std::int64_t picture, y, x;
        // first lane, and number of lanes
        int begin, count;
    };

    /// Calls visit(run) for the lanes of `tiles_at_once` tiles from `first` on that exist.
    template <class Visit>
    void for_each_run(std::int64_t first, Visit visit) const {
        const int lanes = static_cast<int>(std::min<std::int64_t>(tiles_at_once, count() - first));
        for (int lane = 0; lane < lanes;) {
            const std::int64_t tile = first + lane, in_row = tile % across(), row = tile / across();
            const int run =
                static_cast<int>(std::min<std::int64_t>(lanes - lane, across() - in_row));
            visit(Run{row / down(), row % down() * 2, in_row * 2, lane, run});
            lane += run;
        }
    }
};

/// Copies the pixels [x, x + count) of row y of a plane; those outside of it are 0.
inline void copy_pixels(const float* plane, const Tiling& t, std::int64_t y, std::int64_t x,
                        std::int64_t count, float* to) {
    const bool inside = y >= 0 && y < t.height;
    const std::int64_t begin = inside ? std::clamp<std::int64_t>(-x, 0, count) : count;
    const std::int64_t end = inside ? std::clamp<std::int64_t>(t.width - x, begin, count) : count;
    std::fill(to, to + begin, 0.0f);
    std::copy(plane + y * t.width + x + begin, plane + y * t.width + x + end, to + begin);
    std::fill(to + end, to + count, 0.0f);
}

/// The numbers at even and at odd places among 2 simd_width.
inline std::pair<Floats, Floats> split(const float* from) {
    const Floats a = load(from), b = load(from + simd_width);
    constexpr auto even = [](int lane) { return 2 * lane; };
    constexpr auto odd = [](int lane) { return 2 * lane + 1; };
    return {shuffle<even>(a, b), shuffle<odd>(a, b)};
}

/// The inverse of split().
inline void join(Floats even, Floats odd, float* to) {
    store(to, interleave_low(even, odd));
    store(to + simd_width, interleave_high(even, odd));
}

/// B^T d B of a panel of tiles as the right side of the products: [position][C][tiles_at_once].
inline void transform_tiles(const Tensor& x, const Tiling& t, std::int64_t first, float* to) {
    // Pixels 0 and 1 of each tile's rows, and pixels 2 and 3, which are 0 and 1 of the next.
    float near[4][2 * tiles_at_once] = {}, far[4][2 * tiles_at_once] = {};
    for (std::int64_t c = 0; c < t.channels; ++c) {
        t.for_each_run(first, [&](const Tiling::Run& run) {
            const float* plane = x.data() + (run.picture * t.channels + c) * t.height * t.width;
            for (int u = 0; u < 4; ++u) {
                const std::int64_t row = run.y + u - t.top, column = run.x - t.left;
                copy_pixels(plane, t, row, column, 2 * run.count, near[u] + 2 * run.begin);
                copy_pixels(plane, t, row, column + 2, 2 * run.count, far[u] + 2 * run.begin);
            }
        });
        for (int half = 0; half < 2; ++half) {
            Floats d[positions];
            for (int u = 0; u < 4; ++u) {
                std::tie(d[4 * u], d[4 * u + 1]) = split(near[u] + 2 * half * simd_width);
                std::tie(d[4 * u + 2], d[4 * u + 3]) = split(far[u] + 2 * half * simd_width);
            }
            for (int v = 0; v < 4; ++v) transform_input(d + v, 4);
            for (int u = 0; u < 4; ++u) transform_input(d + 4 * u, 1);
            for (int p = 0; p < positions; ++p)
                store(to + (p * t.channels + c) * tiles_at_once + half * simd_width, d[p]);
        }
    }
}

/// A^T m A of one row of sums, [position][tiles_at_once], to the picture: 2 x 2 pixels a tile.
inline void write_tiles(const packed::Tile (&sums)[positions], int row, float bias, const Tiling& t,
                        std::int64_t first, std::int64_t o, Tensor& y) {
    float pixels[2][2 * tiles_at_once];
    for (int half = 0; half < 2; ++half) {
        // each of the four columns, transformed along u
        std::pair<Floats, Floats> columns[4];
        for (int v = 0; v < 4; ++v) {
            const auto m = [&](int u) {
                return load(sums[4 * u + v].sums[row] + half * simd_width);
            };
            columns[v] = transform_output(m(0), m(1), m(2), m(3));
        }
        const auto [a, b] = transform_output(columns[0].first, columns[1].first, columns[2].first,
                                             columns[3].first);
        const auto [c, d] = transform_output(columns[0].second, columns[1].second,
                                             columns[2].second, columns[3].second);
        join(a + bias, b + bias, pixels[0] + 2 * half * simd_width);
        join(c + bias, d + bias, pixels[1] + 2 * half * simd_width);
    }
    const std::int64_t out = y.dim(1);
    t.for_each_run(first, [&](const Tiling::Run& run) {
        const std::int64_t width = std::min<std::int64_t>(2 * run.count, t.out_w - run.x);
        float* plane = y.data() + (run.picture * out + o) * t.out_h * t.out_w;
        for (std::int64_t i = 0; i < std::min<std::int64_t>(2, t.out_h - run.y); ++i)
            std::copy_n(pixels[i] + 2 * run.begin, width, plane + (run.y + i) * t.out_w + run.x);
    });
}

}  // namespace ldm::ops::cpu::winograd
