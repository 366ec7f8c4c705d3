#include "common/ops/cpu/winograd.h"

#include <algorithm>
#include <array>

#include "common/device/memory.h"
#include "common/ops/cpu/pack_strided.h"
#include "common/ops/cpu/packed_kernel.h"
#include "common/ops/cpu/winograd_tiles.h"
#include "common/parallel.h"

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

using namespace winograd;
using packed::row_panel;
using packed::row_panels;
using packed::Tile;
using packed::tile_rows;

// so that a weight is loaded once for both
constexpr int panels_at_once = 2;

/// g -> G g along one axis: three numbers become four.
std::array<Floats, 4> transform_kernel(Floats a, Floats b, Floats c) {
    return {a, 0.5f * (a + b + c), 0.5f * (a - b + c), c};
}

float* floats(const std::shared_ptr<void>& memory) { return static_cast<float*>(memory.get()); }

}  // namespace

WinogradKernels::WinogradKernels(const WeightRows& weight, std::int64_t channels,
                                 Precision precision)
    : out_(weight.rows()),
      in_(channels),
      precision_(precision),
      memory_(allocate(row_panels(out_) * positions * in_ * row_panel * sizeof(float))) {
    const int threads = available_threads();
    const std::int64_t panel_size = 9 * in_ * row_panel,
                       scratch_size = panel_size + weight.scratch(tile_rows);
    const std::shared_ptr<void> scratch = allocate(threads * scratch_size * sizeof(float));
    parallel_tasks(row_panels(out_), threads, [&](std::int64_t panel, int thread) {
        float* kernels = floats(scratch) + thread * scratch_size;
        const std::int64_t first = panel * tile_rows;
        transform(weight.read(first, std::min<std::int64_t>(tile_rows, out_ - first),
                              kernels + panel_size),
                  panel, kernels);
    });
}

const float* WinogradKernels::at(std::int64_t panel, int position) const {
    return floats(memory_) + (panel * positions + position) * in_ * row_panel;
}

/// Of the rows of a panel. `kernels` is scratch memory, [C][9][row_panel]: a lane for each kernel.
void WinogradKernels::transform(const float* weight, std::int64_t panel, float* kernels) {
    const std::int64_t taps = 9 * in_;
    float* const data = floats(memory_);
    packed::pack_strided<row_panel>(
        weight, taps, 1,
        static_cast<int>(std::min<std::int64_t>(tile_rows, out_ - panel * tile_rows)), taps,
        kernels);
    for (std::int64_t c = 0; c < in_; ++c)
        for (int lane = 0; lane < row_panel; lane += simd_width) {
            const float* g = kernels + c * 9 * row_panel + lane;
            std::array<Floats, 4> rows[3];
            for (int u = 0; u < 3; ++u)
                rows[u] =
                    transform_kernel(load(g + 3 * u * row_panel), load(g + (3 * u + 1) * row_panel),
                                     load(g + (3 * u + 2) * row_panel));
            for (int v = 0; v < 4; ++v) {
                const std::array<Floats, 4> column =
                    transform_kernel(rows[0][v], rows[1][v], rows[2][v]);
                for (int u = 0; u < 4; ++u)
                    store(data + ((panel * positions + 4 * u + v) * in_ + c) * row_panel + lane,
                          column[u]);
            }
        }
    for (int p = 0; p < positions; ++p)
        packed::finish_panel<row_panel>(data + (panel * positions + p) * in_ * row_panel, in_,
                                        precision_);
}

bool winograd_pays(const Tensor& x, const Tensor& weight, const Conv2dOptions& options) {
    if (weight.dim(2) != 3 || weight.dim(3) != 3 || options.stride != 1) return false;
    const std::int64_t out = weight.dim(0), in = weight.dim(1), pixels = x.dim(2) * x.dim(3);
    if (out < 64 || in < 64) return false;
    // On few pixels it still pays while the transformed weights, 64 bytes for each pair of
    // channels, stay in the cache.
    return pixels >= 32 * 32 || (pixels >= 8 * 8 && out * in <= 1 << 17);
}

Tensor conv2d_winograd(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Conv2dOptions& options, const ComputeContext& context) {
    const WinogradKernels kernels(WeightRows(weight), weight.dim(1),
                                  context.precision_on(Device::cpu));
    return conv2d_winograd(x, kernels, bias, options, context);
}

Tensor conv2d_winograd(const Tensor& x, const WinogradKernels& kernels, const Tensor& bias,
                       const Conv2dOptions& options, const ComputeContext& context) {
    const auto [n, in, height, width] = x.dims<4>();
    const Padding& pad = options.padding;
    const Tiling tiling{n,
                        in,
                        height,
                        width,
                        height + pad.top + pad.bottom - 2,
                        width + pad.left + pad.right - 2,
                        pad.top,
                        pad.left};
    const std::int64_t out = kernels.out(), channels = in;
    const std::int64_t panel_size = positions * channels * tiles_at_once;
    constexpr std::int64_t at_once = panels_at_once * tiles_at_once;
    const std::int64_t pieces = (tiling.count() + at_once - 1) / at_once;
    Tensor y({n, out, tiling.out_h, tiling.out_w});
    // the definition's
    context.add_flops(2.0 * 9 * out * channels * n * tiling.out_h * tiling.out_w);
    const Precision precision = kernels.precision();
    const packed::MicroKernels& micro_kernels = packed::micro_kernels(precision);
    const int threads = available_threads();
    const std::shared_ptr<void> scratch =
        allocate(threads * panels_at_once * panel_size * sizeof(float));
    parallel_tasks(pieces, threads, [&](std::int64_t piece, int thread) {
        float* tiles = static_cast<float*>(scratch.get()) + thread * panels_at_once * panel_size;
        const std::int64_t first = piece * at_once;
        const std::int64_t filled = std::min<std::int64_t>(
            panels_at_once, (tiling.count() - first + tiles_at_once - 1) / tiles_at_once);
        for (std::int64_t panel = 0; panel < filled; ++panel) {
            transform_tiles(x, tiling, first + panel * tiles_at_once, tiles + panel * panel_size);
            for (int p = 0; p < positions; ++p)
                packed::finish_panel<tiles_at_once>(
                    tiles + panel * panel_size + p * channels * tiles_at_once, channels, precision);
        }
        for (std::int64_t o = 0; o < out; o += tile_rows) {
            const int rows = static_cast<int>(std::min<std::int64_t>(tile_rows, out - o));
            Tile sums[panels_at_once][positions];
            for (int p = 0; p < positions; ++p)
                for (std::int64_t panel = 0; panel < filled; ++panel)
                    micro_kernels[rows - 1](
                        channels, kernels.at(o / tile_rows, p),
                        tiles + panel * panel_size + p * channels * tiles_at_once, sums[panel][p]);
            for (std::int64_t panel = 0; panel < filled; ++panel)
                for (int row = 0; row < rows; ++row)
                    write_tiles(sums[panel], row, bias ? bias.data()[o + row] : 0.0f, tiling,
                                first + panel * tiles_at_once, o + row, y);
        }
    });
    return y;
}

}  // namespace ldm::ops::cpu
