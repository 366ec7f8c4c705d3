#include "chapters/11_editing/strips.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/ops/shape.h"

namespace ldm::editing {

Strips::Strips(std::int64_t pixels) : pixels_(pixels) {
    expect(pixels >= 1, fmt::format("strips of {} pixels; choose at least 1", pixels));
}

Strips::Strips(const Tensor& x, std::int64_t pixels) : Strips(pixels) { append(x); }

void Strips::append(const Tensor& rows) {
    const auto [n, channels, count, width] = rows.dims<4>();
    if (count == 0) return;
    if (strip_height_ == 0) strip_height_ = std::max<std::int64_t>(pixels_ / width / 4 * 4, 4);
    for (std::int64_t begin = 0; begin < count;) {
        const std::int64_t filled = height_ % strip_height_;
        const std::int64_t end = std::min(count, begin + strip_height_ - filled);
        const Tensor part = ops::slice(rows, 2, begin, end);
        if (filled == 0)
            strips_.push_back(part);
        else
            strips_.back() = ops::concat({strips_.back(), part}, 2);
        height_ += end - begin;
        begin = end;
    }
}

Tensor Strips::rows(std::int64_t begin, std::int64_t end) const {
    expect(begin >= 0 && begin < end && end <= height_,
           fmt::format("no rows [{}, {}) of {}", begin, end, height_));
    std::vector<Tensor> parts;
    for (std::int64_t k = begin / strip_height_; k * strip_height_ < end; ++k) {
        const Tensor& strip = strips_[static_cast<std::size_t>(k)];
        expect(static_cast<bool>(strip), "these rows were given back");
        const std::int64_t top = k * strip_height_;
        parts.push_back(ops::slice(strip, 2, std::max(begin - top, std::int64_t{0}),
                                   std::min(end - top, strip.dim(2))));
    }
    return parts.size() == 1 ? parts[0] : ops::concat(parts, 2);
}

void Strips::release_above(std::int64_t row) {
    for (std::size_t k = 0; k < strips_.size(); ++k)
        if (static_cast<std::int64_t>(k + 1) * strip_height_ <= row) strips_[k] = Tensor();
}

namespace {

//! [strip]
/// The rows of layers(x) that belong to rows [begin, end) of x.
Tensor strip_of(const Strips& x, const LocalLayers& layers, std::int64_t begin, std::int64_t end) {
    const std::int64_t above = std::min(begin, reach);
    const std::int64_t below = std::min(x.height() - end, reach);
    const Tensor y = layers.apply(x.rows(begin - above, end + below));
    const auto scaled = [&](std::int64_t rows) { return rows * layers.up / layers.down; };
    return ops::slice(y, 2, scaled(above), y.dim(2) - scaled(below));
}
//! [strip]

/// How many rows of x are computed at a time: so many that the result is as large as a strip.
std::int64_t rows_at_a_time(const Strips& x, const LocalLayers& layers) {
    return std::max<std::int64_t>(x.strip_height() / (layers.up * layers.up), 1);
}

}  // namespace

void for_each_strip(const Strips& x, const LocalLayers& layers,
                    const std::function<void(const Tensor& rows)>& take) {
    const std::int64_t step = rows_at_a_time(x, layers);
    for (std::int64_t begin = 0; begin < x.height(); begin += step)
        take(strip_of(x, layers, begin, std::min(begin + step, x.height())));
}

Strips mapped(Strips x, const LocalLayers& layers) {
    Strips y(x.pixels());
    const std::int64_t step = rows_at_a_time(x, layers);
    for (std::int64_t begin = 0; begin < x.height(); begin += step) {
        const std::int64_t end = std::min(begin + step, x.height());
        y.append(strip_of(x, layers, begin, end));
        // the next strip is enlarged by these
        x.release_above(end - reach);
    }
    return y;
}

}  // namespace ldm::editing
