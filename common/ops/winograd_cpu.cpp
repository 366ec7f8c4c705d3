#include "common/ops/winograd_cpu.h"

#include "common/ops/pack_strided_cpu.h"
#include "common/ops/packed_gemm_cpu.h"
#include "common/ops/work.h"
#include "common/tensor/memory.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

/// Winograd's minimal filtering F(2x2, 3x3), as in Lavin & Gray, "Fast Algorithms for Convolutional
/// Neural Networks" (2015). A tile of 2 x 2 output pixels depends on 4 x 4 input pixels d; with g
/// the 3 x 3 kernel,
///
///     tile = A^T [ (G g G^T) * (B^T d B) ] A        (* element by element)
///
/// needs 16 multiplications where the definition needs 36. Summed over the input channels, each of
/// the 16 positions is a matrix product of its own, [O, C] times [C, tiles]. The transforms add and
/// halve numbers of like size and the sums are nine times shorter, so the error stays that of the
/// direct way (the tests hold it to that); larger tiles would need still fewer multiplications, but
/// lose digits.
namespace ldm::ops::cpu {
namespace {

using packed::row_panel;
using packed::Tile;
using packed::tile_rows;

constexpr int positions = 16;                          // of a transformed tile
constexpr int tiles_at_once = packed::tile_columns;    // one for each lane of two registers
constexpr int panels_at_once = 2;                      // so that a weight is loaded once for both

std::int64_t panels(std::int64_t rows) { return (rows + tile_rows - 1) / tile_rows; }

/// d -> B^T d along one axis: four numbers, `step` apart.
void transform_input(Floats* d, int step) {
    const Floats a = d[0], b = d[step], c = d[2 * step], e = d[3 * step];
    d[0] = a - c;
    d[step] = b + c;
    d[2 * step] = c - b;
    d[3 * step] = b - e;
}

/// m -> A^T m along one axis: four numbers become two.
std::pair<Floats, Floats> transform_output(Floats a, Floats b, Floats c, Floats d) {
    return {a + b + c, b - c - d};
}

/// g -> G g along one axis: three numbers become four.
std::array<Floats, 4> transform_kernel(Floats a, Floats b, Floats c) {
    return {a, 0.5f * (a + b + c), 0.5f * (a - b + c), c};
}

/// The transformed weights as left sides of the products: [panel of O][position][C][row_panel].
class Kernels {
public:
    Kernels(const Tensor& weight)
        : out_(weight.dim(0)), in_(weight.dim(1)),
          memory_(allocate(panels(out_) * positions * in_ * row_panel * sizeof(float))) {
#pragma omp parallel for schedule(dynamic)
        for (std::int64_t panel = 0; panel < panels(out_); ++panel) transform(weight, panel);
    }

    const float* at(std::int64_t panel, int position) const {
        return data() + (panel * positions + position) * in_ * row_panel;
    }

private:
    float* data() const { return static_cast<float*>(memory_.get()); }

    void transform(const Tensor& weight, std::int64_t panel) {
        const std::int64_t first = panel * tile_rows, taps = 9 * in_;
        std::vector<float> kernels(taps * row_panel);  // [C][9][row_panel]: a lane for each kernel
        packed::pack_strided<row_panel>(weight.data() + first * taps, taps, 1,
                                        static_cast<int>(std::min<std::int64_t>(tile_rows, out_ - first)), taps,
                                        kernels.data());
        for (std::int64_t c = 0; c < in_; ++c)
            for (int lane = 0; lane < row_panel; lane += simd_width) {
                const float* g = kernels.data() + c * 9 * row_panel + lane;
                std::array<Floats, 4> rows[3];
                for (int u = 0; u < 3; ++u)
                    rows[u] = transform_kernel(load(g + 3 * u * row_panel), load(g + (3 * u + 1) * row_panel),
                                               load(g + (3 * u + 2) * row_panel));
                for (int v = 0; v < 4; ++v) {
                    const std::array<Floats, 4> column = transform_kernel(rows[0][v], rows[1][v], rows[2][v]);
                    for (int u = 0; u < 4; ++u)
                        store(data() + ((panel * positions + 4 * u + v) * in_ + c) * row_panel + lane, column[u]);
                }
            }
    }

    std::int64_t out_, in_;
    std::shared_ptr<void> memory_;
};

/// Which tile of which picture: they count along rows, rows, pictures.
struct Tiling {
    std::int64_t pictures, channels, height, width;  // of x
    std::int64_t out_h, out_w;
    std::int64_t top, left;

    std::int64_t across() const { return (out_w + 1) / 2; }
    std::int64_t down() const { return (out_h + 1) / 2; }
    std::int64_t count() const { return pictures * down() * across(); }

    /// Tiles next to each other in one row of tiles.
    struct Run {
        std::int64_t picture, y, x;  // of the first output pixel
        int begin, count;            // lanes
    };

    /// Calls visit(run) for the lanes of `tiles_at_once` tiles from `first` on that exist.
    template <class Visit>
    void for_each_run(std::int64_t first, Visit visit) const {
        const int lanes = static_cast<int>(std::min<std::int64_t>(tiles_at_once, count() - first));
        for (int lane = 0; lane < lanes;) {
            const std::int64_t tile = first + lane, in_row = tile % across(), row = tile / across();
            const int run = static_cast<int>(std::min<std::int64_t>(lanes - lane, across() - in_row));
            visit(Run{row / down(), row % down() * 2, in_row * 2, lane, run});
            lane += run;
        }
    }
};

/// Copies the pixels [x, x + count) of row y of a plane; those outside of it are 0.
void copy_pixels(const float* plane, const Tiling& t, std::int64_t y, std::int64_t x, std::int64_t count,
                 float* to) {
    const bool inside = y >= 0 && y < t.height;
    const std::int64_t begin = inside ? std::clamp<std::int64_t>(-x, 0, count) : count;
    const std::int64_t end = inside ? std::clamp<std::int64_t>(t.width - x, begin, count) : count;
    std::fill(to, to + begin, 0.0f);
    std::copy(plane + y * t.width + x + begin, plane + y * t.width + x + end, to + begin);
    std::fill(to + end, to + count, 0.0f);
}

/// The numbers at even and at odd places among 2 simd_width.
std::pair<Floats, Floats> split(const float* from) {
    Ints even;
    for (int lane = 0; lane < simd_width; ++lane) even[lane] = 2 * lane;
    const Floats a = load(from), b = load(from + simd_width);
    return {__builtin_shuffle(a, b, even), __builtin_shuffle(a, b, even + 1)};
}

/// The inverse of split().
void join(Floats even, Floats odd, float* to) {
    Ints low;
    for (int lane = 0; lane < simd_width; ++lane) low[lane] = lane / 2 + lane % 2 * simd_width;
    store(to, __builtin_shuffle(even, odd, low));
    store(to + simd_width, __builtin_shuffle(even, odd, low + simd_width / 2));
}

/// B^T d B of a panel of tiles as the right side of the products: [position][C][tiles_at_once].
void transform_tiles(const Tensor& x, const Tiling& t, std::int64_t first, float* to) {
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
void write_tiles(const Tile (&sums)[positions], int row, float bias, const Tiling& t, std::int64_t first,
                 std::int64_t o, Tensor& y) {
    float pixels[2][2 * tiles_at_once];
    for (int half = 0; half < 2; ++half) {
        std::pair<Floats, Floats> columns[4];  // each of the four columns, transformed along u
        for (int v = 0; v < 4; ++v) {
            const auto m = [&](int u) { return load(sums[4 * u + v].sums[row] + half * simd_width); };
            columns[v] = transform_output(m(0), m(1), m(2), m(3));
        }
        const auto [a, b] = transform_output(columns[0].first, columns[1].first, columns[2].first, columns[3].first);
        const auto [c, d] = transform_output(columns[0].second, columns[1].second, columns[2].second, columns[3].second);
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

}  // namespace

bool winograd_pays(const Tensor& x, const Tensor& weight, const Conv2dOptions& options) {
    return weight.dim(2) == 3 && weight.dim(3) == 3 && options.stride == 1 && weight.dim(0) >= 64 &&
           weight.dim(1) >= 64 && x.dim(2) * x.dim(3) >= 32 * 32;
}

Tensor conv2d_winograd(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Conv2dOptions& options) {
    const auto [n, in, height, width] = x.dims<4>();
    const Padding& pad = options.padding;
    const Tiling tiling{n, in, height, width, height + pad.top + pad.bottom - 2,
                        width + pad.left + pad.right - 2, pad.top, pad.left};
    const std::int64_t out = weight.dim(0), panel_size = positions * in * tiles_at_once;
    constexpr std::int64_t at_once = panels_at_once * tiles_at_once;
    const std::int64_t pieces = (tiling.count() + at_once - 1) / at_once;
    Tensor y({n, out, tiling.out_h, tiling.out_w});
    add_work(2.0 * 9 * out * in * n * tiling.out_h * tiling.out_w);  // the definition's
    const Kernels kernels(weight);
#pragma omp parallel
    {
        const std::shared_ptr<void> memory = allocate(panels_at_once * panel_size * sizeof(float));
        float* tiles = static_cast<float*>(memory.get());
#pragma omp for schedule(dynamic)
        for (std::int64_t piece = 0; piece < pieces; ++piece) {
            const std::int64_t first = piece * at_once;
            const std::int64_t filled = std::min<std::int64_t>(panels_at_once, (tiling.count() - first + tiles_at_once - 1) / tiles_at_once);
            for (std::int64_t panel = 0; panel < filled; ++panel)
                transform_tiles(x, tiling, first + panel * tiles_at_once, tiles + panel * panel_size);
            for (std::int64_t o = 0; o < out; o += tile_rows) {
                const int rows = static_cast<int>(std::min<std::int64_t>(tile_rows, out - o));
                Tile sums[panels_at_once][positions];
                for (int p = 0; p < positions; ++p)
                    for (std::int64_t panel = 0; panel < filled; ++panel)
                        packed::micro_kernels[rows - 1](in, kernels.at(o / tile_rows, p),
                                                        tiles + panel * panel_size + p * in * tiles_at_once,
                                                        sums[panel][p]);
                for (std::int64_t panel = 0; panel < filled; ++panel)
                    for (int row = 0; row < rows; ++row)
                        write_tiles(sums[panel], row, bias ? bias.data()[o + row] : 0.0f, tiling,
                                    first + panel * tiles_at_once, o + row, y);
            }
        }
    }
    return y;
}

}  // namespace ldm::ops::cpu
