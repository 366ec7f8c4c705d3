#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "common/tensor/tensor.h"

namespace ldm::editing {

/// A feature map [N, C, H, W] in strips: tiles as wide as the map, one below the other, so that
/// each can be computed and given back by itself. A layer of a network is one too large for the
/// memory only in sum.
class Strips {
public:
    /// None yet. Strips will have about `pixels` pixels each, in a multiple of 4 rows, so that
    /// halving a map twice ends at the edge of a strip. Throws an Error unless pixels >= 1.
    explicit Strips(std::int64_t pixels);

    /// x [N, C, H, W], copied.
    Strips(const Tensor& x, std::int64_t pixels);

    /// Adds rows at the bottom, [N, C, rows, W], any number of them.
    void append(const Tensor& rows);

    /// Rows [begin, end) as one tensor [N, C, end - begin, W].
    [[nodiscard]] Tensor rows(std::int64_t begin, std::int64_t end) const;

    /// All of them.
    [[nodiscard]] Tensor joined() const { return rows(0, height_); }

    /// Gives back the memory of the strips that end at that row or above. To ask for their rows is
    /// an Error from then on.
    void release_above(std::int64_t row);

    std::int64_t height() const { return height_; }
    std::int64_t pixels() const { return pixels_; }
    /// H of each strip but the last, which may have fewer.
    std::int64_t strip_height() const { return strip_height_; }

private:
    std::int64_t pixels_, strip_height_ = 0, height_ = 0;
    // empty: given back
    std::vector<Tensor> strips_;
};

/// Some layers of a network that see only near pixels: convolutions, and what changes each pixel by
/// itself.
struct LocalLayers {
    /// rows of a map -> rows of the result
    std::function<Tensor(const Tensor& rows)> apply;
    /// the result is `up` times as high as the map, or `down` times less
    int up = 1, down = 1;
};

/// By how many rows a strip is enlarged at each side before layers see it, and what they make of
/// these is thrown away: two 3x3 convolutions see 2 rows further, an Upsample with a third one
/// before them 3 of the enlarged rows, which are 2 of the map.
inline constexpr std::int64_t reach = 2;

/// Calls take(rows) with the rows of layers(x), strip by strip from the top, the same numbers as if
/// the layers had seen all of x at once. The layers may look `reach` rows of x further, no more.
void for_each_strip(const Strips& x, const LocalLayers& layers,
                    const std::function<void(const Tensor& rows)>& take);

/// layers(x), strip by strip; x is given back on the way, so that memory holds about one of both.
[[nodiscard]] Strips mapped(Strips x, const LocalLayers& layers);

}  // namespace ldm::editing
