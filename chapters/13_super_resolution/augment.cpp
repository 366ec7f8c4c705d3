#include "chapters/13_super_resolution/augment.h"

#include <fmt/format.h>

#include <array>

#include "chapters/13_super_resolution/planes.h"
#include "common/ops/shape.h"
#include "common/random/torch_random.h"

namespace ldm::super_resolution {
namespace {

//! [modes]
struct Mode {
    /// quarters of a turn, counter-clockwise
    int turns;
    /// upside down, afterwards
    bool flipped;
};

constexpr std::array<Mode, augmentations> modes = {
    {{0, false}, {1, true}, {0, true}, {3, false}, {2, true}, {1, false}, {2, false}, {3, true}}};

int undoing_of(int mode) {
    // a picture in a mirror is as it was in a second one
    if (modes[mode].flipped) return mode;
    for (int other = 0; other < augmentations; ++other)
        if (!modes[other].flipped && (modes[other].turns + modes[mode].turns) % 4 == 0)
            return other;
    return mode;
}
//! [modes]

Tensor turned(const Tensor& x) {
    const std::int64_t height = x.dim(2), width = x.dim(3);
    return map_planes(x, width, height, [&](const float* from, float* to) {
        for (std::int64_t i = 0; i < width; ++i)
            for (std::int64_t j = 0; j < height; ++j) *to++ = from[j * width + width - 1 - i];
    });
}

Tensor upside_down(const Tensor& x) {
    const std::int64_t height = x.dim(2), width = x.dim(3);
    return map_planes(x, height, width, [&](const float* from, float* to) {
        for (std::int64_t i = 0; i < height; ++i)
            for (std::int64_t j = 0; j < width; ++j) *to++ = from[(height - 1 - i) * width + j];
    });
}

void expect_mode(int mode) {
    if (mode < 0 || mode >= augmentations)
        throw Error(
            fmt::format("There are {} augmentations, from 0 on; got {}", augmentations, mode));
}

/// `size` x `size` pixels from (x, y) on.
Tensor part(const Tensor& picture, std::int64_t x, std::int64_t y, std::int64_t size) {
    return ops::slice(ops::slice(picture, 2, y, y + size), 3, x, x + size);
}

}  // namespace

Tensor augment(const Tensor& x, int mode) {
    expect_mode(mode);
    Tensor y = x;
    for (int i = 0; i < modes[mode].turns; ++i) y = turned(y);
    return modes[mode].flipped ? upside_down(y) : y;
}

int undoing(int mode) {
    expect_mode(mode);
    return undoing_of(mode);
}

PatchPair random_patch(const Tensor& low, const Tensor& high, int scale, int size,
                       std::uint64_t seed) {
    const auto [n, channels, height, width] = low.dims<4>();
    expect_shape(high, {n, channels, height * scale, width * scale});
    if (size < 1 || size > height || size > width)
        throw Error(fmt::format("There is no patch of {0}x{0} pixels in a picture of {1}x{2}", size,
                                width, height));
    random::TorchGenerator generator(seed);
    std::array<std::int64_t, 1> x, y;
    generator.randint(0, height - size + 1, y);
    generator.randint(0, width - size + 1, x);
    return {part(low, x[0], y[0], size),
            part(high, x[0] * scale, y[0] * scale, std::int64_t{size} * scale)};
}

}  // namespace ldm::super_resolution
