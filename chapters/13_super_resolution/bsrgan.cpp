#include "chapters/13_super_resolution/bsrgan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "chapters/13_super_resolution/lots.h"

namespace ldm::super_resolution {
namespace {

using image::Extent;

/// What bsrgan and bsrgan_light differ by.
struct Strength {
    int blurs;
    /// pixels of kernels: factor * n + 3, n from 2 to `most_...`
    int kernel_factor, most_anisotropic, most_isotropic;
    /// times the widths of bsrgan
    double width;
    /// how often a reduction resizes; otherwise it blurs and leaves out pixels
    double resizes;
    int least_noise, most_noise, least_quality;
};

constexpr Strength usual = {2, 2, 11, 11, 1, 0.75, 2, 25, 30};
constexpr Strength light = {1, 1, 11, 4, 0.25, 0.8, 1, 2, 80};
constexpr int best_quality = 95;
constexpr std::array all_filters = {CvFilter::linear, CvFilter::cubic, CvFilter::area};

Step draw_blur(Lots& lots, int scale, const Strength& strength) {
    const auto kernel = [&](int most) {
        return strength.kernel_factor * lots.integer(2, most) + 3;
    };
    if (lots.happens(0.5)) {
        const double most = strength.width * (4 + scale);
        const double l1 = lots.above_zero(most), l2 = lots.above_zero(most);
        const int size = kernel(strength.most_anisotropic);
        return AnisotropicBlur{size, lots.uniform(0, std::numbers::pi), l1, l2};
    }
    const int size = kernel(strength.most_isotropic);
    return IsotropicBlur{size, lots.above_zero(strength.width * (2 + 0.2 * scale))};
}

Noise draw_noise(Lots& lots, int least, int most) {
    Noise noise{.deviation = lots.integer(least, most) / 255.0};
    const double kind = lots.uniform();
    noise.kind = kind > 0.6   ? NoiseKind::color
                 : kind < 0.4 ? NoiseKind::gray
                              : NoiseKind::correlated;
    if (noise.kind == NoiseKind::correlated)
        noise.covariance = random_covariance(most / 255.0, lots.generator());
    noise.seed = lots.seed();
    return noise;
}

Step draw_jpeg(Lots& lots, int least) { return JpegNoise{lots.integer(least, best_quality)}; }

Resize draw_resize(Lots& lots, Extent size, double factor) {
    // never nothing
    const auto side = [&](int n) { return std::max(1, static_cast<int>(factor * n)); };
    return {side(size.width), side(size.height), lots.one_of(all_filters)};
}

void expect_possible(Extent size, int scale) {
    if (scale < 1 || scale > 16)
        throw Error(fmt::format("The scale of a degradation is from 1 to 16, got {}", scale));
    if (std::min(size.width, size.height) < 2 * scale)
        throw Error(fmt::format(
            "A picture of {}x{} pixels is too small to be degraded by {}: it needs {} in each "
            "direction",
            size.width, size.height, scale, 2 * scale));
}

/// A plan in the making, and how large the picture is so far.
class Draft {
public:
    Draft(Extent size, int scale) : plan_{size, {}}, size_(size) {
        expect_possible(size, scale);
        const Extent whole{size.width - size.width % scale, size.height - size.height % scale};
        if (whole == size) return;
        plan_.steps.push_back(Crop{whole.width, whole.height});
        size_ = whole;
    }

    Extent size() const { return size_; }
    void add(const Step& step) { plan_.steps.push_back(step); }
    void add(const Resize& resize) {
        plan_.steps.push_back(resize);
        size_ = {resize.width, resize.height};
    }
    void add(const BlurAndStride& reduction) {
        plan_.steps.push_back(reduction);
        const auto side = [&](int n) { return (n + reduction.stride - 1) / reduction.stride; };
        size_ = {side(size_.width), side(size_.height)};
    }
    void halve() {
        plan_.steps.push_back(MatlabResize{0.5});
        size_ = {(size_.width + 1) / 2, (size_.height + 1) / 2};
    }
    Plan plan() const { return plan_; }

private:
    Plan plan_;
    Extent size_;
};

/// Somewhere between nothing and too much.
void draw_reduction(Draft& draft, Lots& lots, int scale, const Strength& strength) {
    if (lots.happens(strength.resizes)) {
        const double factor = 1 / lots.uniform(1, 2 * scale);
        draft.add(draw_resize(lots, draft.size(), factor));
    } else {
        draft.add(BlurAndStride{lots.uniform(0.1, 0.6 * scale), scale});
    }
}

enum class Kind { blur, second_blur, reduction, last_reduction, noise, jpeg, camera };

//! [order]
/// All kinds of steps in any order, but the last reduction, which makes the size, after the other.
std::vector<Kind> draw_order(Lots& lots) {
    std::vector<Kind> order;
    for (const std::int64_t i : lots.generator().randperm(7)) order.push_back(Kind(i));
    const auto first = std::find(order.begin(), order.end(), Kind::reduction),
               last = std::find(order.begin(), order.end(), Kind::last_reduction);
    if (first > last) std::iter_swap(first, last);
    return order;
}
//! [order]

//! [plan]
Plan draw_plan(Extent size, int scale, std::uint64_t seed, const Strength& strength) {
    Draft draft(size, scale);
    Lots lots(seed);
    if (scale == 4 && lots.happens(0.25)) {
        if (lots.happens(0.5))
            draft.add(draw_resize(lots, draft.size(), 0.5));
        else
            draft.halve();
        scale = 2;
    }
    Extent whole = draft.size();
    for (const Kind kind : draw_order(lots)) switch (kind) {
            case Kind::second_blur:
                if (strength.blurs < 2) break;
                [[fallthrough]];
            case Kind::blur:
                draft.add(draw_blur(lots, scale, strength));
                break;
            case Kind::reduction:
                whole = draft.size();
                draw_reduction(draft, lots, scale, strength);
                break;
            case Kind::last_reduction:
                draft.add(
                    Resize{whole.width / scale, whole.height / scale, lots.one_of(all_filters)});
                break;
            case Kind::noise:
                draft.add(
                    GaussianNoise{draw_noise(lots, strength.least_noise, strength.most_noise)});
                break;
            case Kind::jpeg:
                if (lots.happens(0.9)) draft.add(draw_jpeg(lots, strength.least_quality));
                break;
            case Kind::camera:
                break;
        }
    draft.add(draw_jpeg(lots, strength.least_quality));
    return draft.plan();
}
//! [plan]

// ---- bsrgan_plus
enum class Round { blur, resize, noise, photons, speckle, camera, jpeg };

/// Six kinds twice, a JPEG between them. In half of the plans in any order, in the others only what
/// is noise (and the first time the camera) changes places.
std::vector<Round> draw_rounds(Lots& lots) {
    using enum Round;
    constexpr std::array all = {blur, resize, noise, photons, speckle, camera, jpeg,
                                blur, resize, noise, photons, speckle, camera};
    std::vector<std::int64_t> order(all.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    const auto shuffle = [&](std::size_t begin, std::size_t end) {
        const std::vector<std::int64_t> old = order;
        const auto places = lots.generator().randperm(static_cast<std::int64_t>(end - begin));
        for (std::size_t i = begin; i < end; ++i) order[i] = old[begin + places[i - begin]];
    };
    if (lots.happens(0.5)) {
        shuffle(0, all.size());
    } else {
        shuffle(2, 6);
        shuffle(9, 13);
    }
    std::vector<Round> rounds;
    for (const std::int64_t i : order) rounds.push_back(all[i]);
    return rounds;
}

double draw_factor(Lots& lots, int scale) {
    const double kind = lots.uniform();
    if (kind > 0.8) return lots.uniform(1, 2);
    return kind < 0.7 ? lots.uniform(0.5 / scale, 1) : 1.0;
}

PoissonNoise draw_photons(Lots& lots) {
    const double peak = std::pow(10, lots.uniform(2, 4));
    const bool gray = !lots.happens(0.5);
    return {peak, gray, lots.seed()};
}

void draw_round(Draft& draft, Lots& lots, int scale, Round round) {
    constexpr double rare = 0.1;
    switch (round) {
        case Round::blur:
            draft.add(draw_blur(lots, scale, usual));
            break;
        case Round::resize: {
            const double factor = draw_factor(lots, scale);
            draft.add(draw_resize(lots, draft.size(), factor));
            break;
        }
        case Round::noise:
            draft.add(GaussianNoise{draw_noise(lots, usual.least_noise, usual.most_noise)});
            break;
        case Round::photons:
            if (lots.happens(rare)) draft.add(draw_photons(lots));
            break;
        case Round::speckle:
            if (lots.happens(rare))
                draft.add(SpeckleNoise{draw_noise(lots, usual.least_noise, usual.most_noise)});
            break;
        case Round::camera:
            break;
        case Round::jpeg:
            draft.add(draw_jpeg(lots, usual.least_quality));
            break;
    }
}

}  // namespace

Plan plan_bsrgan(Extent size, int scale, std::uint64_t seed) {
    return draw_plan(size, scale, seed, usual);
}

Plan plan_bsrgan_light(Extent size, int scale, std::uint64_t seed) {
    return draw_plan(size, scale, seed, light);
}

Plan plan_bsrgan_plus(Extent size, int scale, std::uint64_t seed) {
    Draft draft(size, scale);
    Lots lots(seed);
    const Extent whole = draft.size();
    draft.add(Sharpening{});
    for (const Round round : draw_rounds(lots)) draw_round(draft, lots, scale, round);
    draft.add(Resize{whole.width / scale, whole.height / scale, lots.one_of(all_filters)});
    draft.add(draw_jpeg(lots, usual.least_quality));
    return draft.plan();
}

}  // namespace ldm::super_resolution
