#include "chapters/11_editing/masks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/figures/tensor_picture.h"
#include "common/image/border.h"
#include "common/image/resize.h"
#include "common/ops/elementwise.h"

namespace ldm::editing {
namespace {

/// From 0.5 on a number of a mask says "draw".
constexpr float threshold = 0.5f;

void expect_same_size(const Tensor& mask, const image::Extent& picture) {
    const auto [one, channels, height, width] = mask.dims<4>();
    expect(one == 1 && channels == 1, "a mask is [1, 1, H, W], got " + to_string(mask.shape()));
    if (height != picture.height || width != picture.width)
        throw Error(
            fmt::format("The mask is {}x{} and the picture {}x{}; make the mask as large as "
                        "the picture",
                        width, height, picture.width, picture.height));
}

Tensor to_signed(const Tensor& shares) { return shares * 2.0f - 1.0f; }

std::vector<double> normal_weights(double sigma) {
    const int radius = static_cast<int>(std::lround(2.5 * sigma));
    std::vector<double> weights;
    double sum = 0;
    for (int d = -radius; d <= radius; ++d) {
        weights.push_back(std::exp(-0.5 * d * d / (sigma * sigma)));
        sum += weights.back();
    }
    for (double& weight : weights) weight /= sum;
    return weights;
}

/// Every row of x [rows, columns] blurred -> transposed, [columns, rows].
std::vector<float> blurred_and_transposed(const std::vector<float>& x, std::int64_t rows,
                                          std::int64_t columns,
                                          const std::vector<double>& weights) {
    const std::int64_t taps = std::ssize(weights), radius = taps / 2;
    std::vector<float> y(x.size());
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < columns; ++column) {
            double sum = 0;
            for (std::int64_t k = 0; k < taps; ++k)
                sum +=
                    weights[k] * x[row * columns + image::border_index(column + k - radius, columns,
                                                                       image::Border::mirror)];
            y[column * rows + row] = static_cast<float>(sum);
        }
    return y;
}

}  // namespace

//! [batch]
InpaintBatch make_inpaint_batch(const image::Image& picture, const Tensor& mask) {
    expect_same_size(mask, {picture.width, picture.height});
    const Tensor image = image::to_unit_tensor(picture), draw = binary(mask);
    return {to_signed(image), to_signed(draw), to_signed((-draw + 1.0f) * image)};
}
//! [batch]

Tensor resize_nearest(const Tensor& x, std::int64_t height, std::int64_t width) {
    const auto [n, channels, rows, columns] = x.dims<4>();
    expect(height >= 1 && width >= 1, "a size of at least 1x1 is needed");
    Tensor y({n, channels, height, width});
    float* next = y.data();
    for (std::int64_t plane = 0; plane < n * channels; ++plane)
        for (std::int64_t i = 0; i < height; ++i)
            for (std::int64_t j = 0; j < width; ++j)
                *next++ =
                    x.data()[(plane * rows + i * rows / height) * columns + j * columns / width];
    return y;
}

Tensor load_mask(const std::filesystem::path& path) {
    const auto alpha = image::load_alpha(path);
    const image::Image picture = image::load_image(path);
    if (std::ranges::all_of(alpha, [](std::uint8_t a) { return a == 255; }))
        return mask_of(picture);
    Tensor mask({1, 1, picture.height, picture.width});
    for (std::size_t i = 0; i < alpha.size(); ++i)
        mask.data()[i] = static_cast<float>(255 - alpha[i]) / 255.0f;
    return mask;
}

Tensor mask_of(const image::Image& picture) {
    Tensor mask({1, 1, picture.height, picture.width});
    for (std::int64_t i = 0; i < mask.size(); ++i) {
        const std::uint8_t* p = &picture.rgb[3 * i];
        // PIL's convert("L")
        const int luminance = (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16;
        mask.data()[i] = static_cast<float>(luminance) / 255.0f;
    }
    return mask;
}

Tensor binary(const Tensor& mask) {
    Tensor y(mask.shape());
    for (std::int64_t i = 0; i < mask.size(); ++i)
        y.data()[i] = mask.data()[i] < threshold ? 0.0f : 1.0f;
    return y;
}

Tensor inverted(const Tensor& mask) { return -mask + 1.0f; }

//! [feathered]
Tensor feathered(const Tensor& mask, double sigma) {
    if (!(sigma >= 0 && sigma <= 256))
        throw Error(fmt::format("A mask blur of {} pixels; choose one from 0 to 256", sigma));
    if (sigma == 0) return mask;
    const auto [one, channels, height, width] = mask.dims<4>();
    const std::vector<double> weights = normal_weights(sigma);
    const std::vector<float> given(mask.values().begin(), mask.values().end());
    const auto rows = blurred_and_transposed(given, height, width, weights);
    return Tensor::from(mask.shape(), blurred_and_transposed(rows, width, height, weights));
}
//! [feathered]

void expect_usable_mask(const Tensor& mask, const image::Extent& picture) {
    expect_same_size(mask, picture);
    if (std::ranges::none_of(mask.values(), [](float m) { return m >= threshold; }))
        throw Error(
            "The mask is empty: paint white, or make transparent, what is to be drawn anew");
}

namespace {

/// Pixels [begin, end) of an axis.
struct Interval {
    int begin, end;
    int length() const { return end - begin; }
};

/// `interval` enlarged to `length` on both sides, moved into [0, extent), and cut to it.
Interval enlarged(Interval interval, int length, int extent) {
    length = std::min(std::max(length, interval.length()), extent);
    const int begin = interval.begin - (length - interval.length()) / 2;
    interval.begin = std::clamp(begin, 0, extent - length);
    return {interval.begin, interval.begin + length};
}

int next_multiple(int length, int step) { return (length + step - 1) / step * step; }

/// Where the mask is not 0 on each axis. Throws an Error if it is nowhere.
void find_drawn(const Tensor& mask, Interval& across, Interval& down) {
    const auto [one, channels, height, width] = mask.dims<4>();
    across = {static_cast<int>(width), 0};
    down = {static_cast<int>(height), 0};
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            if (mask.data()[y * width + x] == 0.0f) continue;
            across = {std::min(across.begin, x), std::max(across.end, x + 1)};
            down = {std::min(down.begin, y), std::max(down.end, y + 1)};
        }
    if (down.end == 0)
        throw Error(
            "The mask is empty: paint white, or make transparent, what is to be drawn anew");
}

}  // namespace

//! [region]
Region region_around(const Tensor& mask, const RegionOptions& options) {
    expect(options.padding >= 0 && options.step >= 1 && options.drawn_as.width >= 1 &&
               options.drawn_as.height >= 1,
           "a region needs a padding of at least 0, and a size and a step of at least 1");
    const int height = static_cast<int>(mask.dim(2)), width = static_cast<int>(mask.dim(3));
    Interval across, down;
    find_drawn(mask, across, down);
    across = {std::max(across.begin - options.padding, 0),
              std::min(across.end + options.padding, width)};
    down = {std::max(down.begin - options.padding, 0),
            std::min(down.end + options.padding, height)};

    // what is too narrow for the ratio grows in width, what is too flat in height
    const double ratio = static_cast<double>(options.drawn_as.width) / options.drawn_as.height;
    if (across.length() > down.length() * ratio)
        down = enlarged(down, static_cast<int>(across.length() / ratio), height);
    else
        across = enlarged(across, static_cast<int>(down.length() * ratio), width);
    across = enlarged(across, next_multiple(across.length(), options.step), width);
    down = enlarged(down, next_multiple(down.length(), options.step), height);
    return {across.begin, down.begin, across.length(), down.length()};
}
//! [region]

//! [pasted]
image::Image pasted(const image::Image& picture, const image::Image& drawn, const Region& region,
                    const Tensor& mask) {
    expect_same_size(mask, {picture.width, picture.height});
    expect(region.x >= 0 && region.y >= 0 && region.width >= 1 && region.height >= 1 &&
               region.width <= picture.width - region.x &&
               region.height <= picture.height - region.y,
           "the region must lie inside of the picture");
    const image::Image fitting =
        image::resize(drawn, region.width, region.height, image::Filter::lanczos);
    image::Image result = picture;
    const auto blend = [](float m, std::uint8_t there, std::uint8_t here) {
        const float value = m * static_cast<float>(there) + (1 - m) * static_cast<float>(here);
        return static_cast<std::uint8_t>(std::lround(value));
    };
    for (int y = 0; y < region.height; ++y)
        for (int x = 0; x < region.width; ++x) {
            const int px = region.x + x, py = region.y + y;
            const float m = mask.data()[std::int64_t{py} * picture.width + px];
            const image::Color there = fitting.at(x, y), here = picture.at(px, py);
            result.set(
                px, py,
                {blend(m, there.r, here.r), blend(m, there.g, here.g), blend(m, there.b, here.b)});
        }
    return result;
}
//! [pasted]

}  // namespace ldm::editing
