#include "chapters/13_super_resolution/cv_resize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chapters/13_super_resolution/resample.h"
#include "common/image/border.h"

namespace ldm::super_resolution {
namespace {

constexpr double opencv_a = -0.75;

/// Weights of the pixels from `first` on, those beyond the edges given to the edge.
Taps repeated(std::int64_t first, std::vector<double> weights, std::int64_t in) {
    Taps taps{{}, std::move(weights)};
    for (std::int64_t k = 0; k < std::ssize(taps.weights); ++k)
        taps.index.push_back(image::border_index(first + k, in, image::Border::repeat));
    return taps;
}

Taps between_two(std::int64_t left, double right_share, std::int64_t in) {
    return repeated(left, {1 - right_share, right_share}, in);
}

Taps cubic_taps(std::int64_t left, double share, std::int64_t in) {
    std::vector<double> weights;
    for (const int k : {-1, 0, 1, 2}) weights.push_back(keys_cubic(share - k, opencv_a));
    return repeated(left - 1, std::move(weights), in);
}

/// What the interval [begin, end] covers of each pixel.
Taps covered(double begin, double end, std::int64_t in) {
    Taps taps;
    const auto last = std::min<std::int64_t>(in - 1, static_cast<std::int64_t>(std::ceil(end)));
    for (auto k = static_cast<std::int64_t>(begin); k <= last; ++k) {
        const double from = std::max(begin, static_cast<double>(k)),
                     to = std::min(end, static_cast<double>(k + 1));
        if (to <= from) continue;
        taps.index.push_back(k);
        taps.weights.push_back((to - from) / (end - begin));
    }
    return taps;
}

/// `mean`: both sides of the picture shrink.
Taps area_taps(std::int64_t i, std::int64_t in, std::int64_t out, bool mean) {
    const double scale = static_cast<double>(in) / static_cast<double>(out);
    const auto place = static_cast<double>(i);
    if (mean) return covered(place * scale, std::min((place + 1) * scale, double(in)), in);
    const std::int64_t left = i * in / out;
    return between_two(left, std::max(0.0, place + 1 - static_cast<double>(left + 1) / scale), in);
}

std::vector<Taps> opencv_taps(std::int64_t in, std::int64_t out, CvFilter filter, bool mean) {
    std::vector<Taps> all;
    for (std::int64_t i = 0; i < out; ++i) {
        const double centre =
            (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) -
            0.5;
        const auto left = static_cast<std::int64_t>(std::floor(centre));
        const double share = centre - static_cast<double>(left);
        switch (filter) {
            case CvFilter::linear:
                all.push_back(between_two(left, share, in));
                break;
            case CvFilter::cubic:
                all.push_back(cubic_taps(left, share, in));
                break;
            case CvFilter::area:
                all.push_back(area_taps(i, in, out, mean));
                break;
        }
    }
    return all;
}

}  // namespace

std::string name_of(CvFilter filter) {
    switch (filter) {
        case CvFilter::linear:
            return "linear";
        case CvFilter::cubic:
            return "cubic";
        case CvFilter::area:
            return "area";
    }
    return "";
}

CvFilter cv_filter_from(const std::string& name) {
    for (const CvFilter filter : {CvFilter::linear, CvFilter::cubic, CvFilter::area})
        if (name == name_of(filter)) return filter;
    throw Error(fmt::format("'{}': expected linear, cubic or area", name));
}

Tensor cv_resize(const Tensor& x, std::int64_t width, std::int64_t height, CvFilter filter) {
    const auto [n, channels, rows, columns] = x.dims<4>();
    if (rows == 0 || columns == 0 ||
        !is_possible_size(static_cast<double>(width), static_cast<double>(height)))
        throw Error(fmt::format("A picture of {}x{} pixels cannot be resized to {}x{}", columns,
                                rows, width, height));
    const bool shrinks = height <= rows && width <= columns;
    return resample(x, opencv_taps(rows, height, filter, shrinks),
                    opencv_taps(columns, width, filter, shrinks));
}

}  // namespace ldm::super_resolution
