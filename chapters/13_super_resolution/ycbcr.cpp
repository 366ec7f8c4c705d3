#include "chapters/13_super_resolution/ycbcr.h"

#include <array>
#include <cmath>
#include <utility>

#include "common/ops/shape.h"

namespace ldm::super_resolution {
namespace {

using Triple = std::array<double, 3>;

/// Rows of a 3x3 matrix times a triple of 0 to 255, plus an offset.
struct Affine {
    std::array<Triple, 3> rows;
    Triple offset;

    Triple operator()(const Triple& x) const {
        Triple y = offset;
        for (int i = 0; i < 3; ++i)
            for (int j = 0; j < 3; ++j) y[i] += rows[i][j] * x[j];
        return y;
    }
};

//! [matrices]
constexpr Affine to_ycbcr = {{{{65.481 / 255, 128.553 / 255, 24.966 / 255},
                               {-37.797 / 255, -74.203 / 255, 112.0 / 255},
                               {112.0 / 255, -93.786 / 255, -18.214 / 255}}},
                             {16, 128, 128}};

/// Its inverse with the digits that MATLAB gives.
constexpr Affine to_rgb = {{{{255 * 0.00456621, 0, 255 * 0.00625893},
                             {255 * 0.00456621, 255 * -0.00153632, 255 * -0.00318811},
                             {255 * 0.00456621, 255 * 0.00791071, 0}}},
                           {-222.921, 135.576, -276.836}};
//! [matrices]

Tensor mapped(const Tensor& x, const Affine& map) {
    const auto [n, channels, height, width] = x.dims<4>();
    expect_shape(x, {n, 3, height, width});
    const std::int64_t pixels = height * width;
    Tensor y(x.shape());
    for (std::int64_t picture = 0; picture < n; ++picture)
        for (std::int64_t p = 0; p < pixels; ++p) {
            const std::int64_t at = picture * 3 * pixels + p;
            Triple color;
            for (int c = 0; c < 3; ++c) color[c] = 255.0 * x.data()[at + c * pixels];
            color = map(color);
            for (int c = 0; c < 3; ++c)
                y.data()[at + c * pixels] = static_cast<float>(color[c] / 255);
        }
    return y;
}

/// Rounded to even in the middle; modulo 256.
image::Image mapped(const image::Image& picture, const Affine& map) {
    image::Image result(picture.width, picture.height);
    for (std::size_t i = 0; i < picture.rgb.size(); i += 3) {
        const Triple color =
            map({static_cast<double>(picture.rgb[i]), static_cast<double>(picture.rgb[i + 1]),
                 static_cast<double>(picture.rgb[i + 2])});
        for (std::size_t c = 0; c < 3; ++c)
            result.rgb[i + c] =
                static_cast<std::uint8_t>(static_cast<int>(std::nearbyint(color[c])));
    }
    return result;
}

}  // namespace

Tensor rgb_to_ycbcr(const Tensor& x) { return mapped(x, to_ycbcr); }
Tensor ycbcr_to_rgb(const Tensor& x) { return mapped(x, to_rgb); }
Tensor luma(const Tensor& x) { return ops::slice(rgb_to_ycbcr(x), 1, 0, 1); }

image::Image rgb_to_ycbcr(const image::Image& picture) { return mapped(picture, to_ycbcr); }
image::Image ycbcr_to_rgb_wrapped(const image::Image& picture) { return mapped(picture, to_rgb); }

std::vector<std::uint8_t> luma(const image::Image& picture) {
    const image::Image all = rgb_to_ycbcr(picture);
    std::vector<std::uint8_t> y;
    for (std::size_t i = 0; i < all.rgb.size(); i += 3) y.push_back(all.rgb[i]);
    return y;
}

image::Image swap_red_and_blue(const image::Image& picture) {
    image::Image swapped = picture;
    for (std::size_t i = 0; i < swapped.rgb.size(); i += 3)
        std::swap(swapped.rgb[i], swapped.rgb[i + 2]);
    return swapped;
}

}  // namespace ldm::super_resolution
