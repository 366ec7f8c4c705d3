#include "chapters/11_editing/fold_unfold.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::editing {
namespace {

Size size_of(const Tensor& x) {
    const auto [n, channels, height, width] = x.dims<4>();
    return {height, width};
}

/// Distance to the nearer end of an axis, as a share of its length.
float distance_to_end(std::int64_t i, std::int64_t count) {
    if (count == 1) return 0.5f;
    const float share = static_cast<float>(i) / static_cast<float>(count - 1);
    return std::min(share, 1.0f - share);
}

/// Multiples of the stride, and the last place where a crop fits.
std::vector<std::int64_t> starts(std::int64_t extent, std::int64_t kernel, std::int64_t stride) {
    std::vector<std::int64_t> found;
    for (std::int64_t start = 0; start + kernel <= extent; start += stride) found.push_back(start);
    if (found.back() + kernel < extent) found.push_back(extent - kernel);
    return found;
}

void expect_fitting(Size picture, const Patches& patches) {
    const Size kernel = patches.kernel, stride = patches.stride;
    expect(kernel.height >= 1 && kernel.width >= 1 && stride.height >= 1 && stride.width >= 1,
           "crops need a kernel and a stride of at least 1");
    expect(kernel.height <= picture.height && kernel.width <= picture.width,
           fmt::format("crops of {}x{} do not fit into {}x{}; choose a smaller kernel",
                       kernel.height, kernel.width, picture.height, picture.width));
    expect(
        stride.height <= kernel.height && stride.width <= kernel.width,
        fmt::format("a stride of {}x{} leaves gaps between crops of {}x{}; choose one that is no "
                    "larger than a crop",
                    stride.height, stride.width, kernel.height, kernel.width));
    expect(patches.uf >= 1 && patches.df >= 1 && (patches.uf == 1 || patches.df == 1),
           "of uf and df one must be 1, and the other at least 1");
    for (const std::int64_t extent :
         {picture.height, picture.width, kernel.height, kernel.width, stride.height, stride.width})
        expect(extent % patches.df == 0,
               fmt::format("picture, kernel and stride must be multiples of df, and {} is not one "
                           "of {}",
                           extent, patches.df));
}

}  // namespace

//! [delta_border]
Tensor delta_border(Size size) {
    Tensor d({size.height, size.width});
    float* next = d.data();
    for (std::int64_t y = 0; y < size.height; ++y)
        for (std::int64_t x = 0; x < size.width; ++x)
            *next++ = std::min(distance_to_end(y, size.height), distance_to_end(x, size.width));
    return d;
}
//! [delta_border]

FoldUnfold::FoldUnfold(Size picture, const Patches& patches)
    : picture_(picture), patches_(patches) {
    expect_fitting(picture, patches);
    tops_ = starts(picture.height, patches.kernel.height, patches.stride.height);
    lefts_ = starts(picture.width, patches.kernel.width, patches.stride.width);
    make_weighting();

    const Size kernel = scaled(patches.kernel);
    normalization_ = Tensor::zeros({1, 1, result().height, result().width});
    const Tensor ones = Tensor::full({1, 1, kernel.height, kernel.width}, 1.0f);
    for (int i = 0; i < crops(); ++i) add_weighted(normalization_, ones, i);
}

Size FoldUnfold::scaled(Size size) const {
    return {size.height * patches_.uf / patches_.df, size.width * patches_.uf / patches_.df};
}

//! [weighting]
void FoldUnfold::make_weighting() {
    const CropWeights& w = patches_.weights;
    const Size kernel = scaled(patches_.kernel);
    Tensor each = ops::clamp(delta_border(kernel), w.clip_min_weight, w.clip_max_weight)
                      .reshape({1, 1, kernel.height, kernel.width, 1});
    weighting_ = ops::broadcast_to(each, {1, 1, kernel.height, kernel.width, crops()});
    if (!w.tie_braker) return;
    const Size grid{std::ssize(tops_), std::ssize(lefts_)};
    weighting_ =
        weighting_ * ops::clamp(delta_border(grid), w.clip_min_tie_weight, w.clip_max_tie_weight)
                         .reshape({crops()});
}
//! [weighting]

Tensor FoldUnfold::crop(const Tensor& x, int i) const {
    expect(size_of(x) == picture_, fmt::format("crops of {}x{}, got {}", picture_.height,
                                               picture_.width, to_string(x.shape())));
    const std::int64_t top = tops_[i / lefts_.size()], left = lefts_[i % lefts_.size()];
    return ops::slice(ops::slice(x, 2, top, top + patches_.kernel.height), 3, left,
                      left + patches_.kernel.width);
}

void FoldUnfold::add_weighted(Tensor& sum, const Tensor& y, int i) const {
    const Size corner = scaled({tops_[i / lefts_.size()], lefts_[i % lefts_.size()]});
    const Size kernel = scaled(patches_.kernel), whole = result();
    expect_shape(y, {sum.dim(0), sum.dim(1), kernel.height, kernel.width});
    expect_shape(sum, {sum.dim(0), sum.dim(1), whole.height, whole.width});
    const std::int64_t planes = sum.dim(0) * sum.dim(1);
    const float *from = y.data(), *weights = weighting_.data() + i;
    for (std::int64_t plane = 0; plane < planes; ++plane)
        for (std::int64_t row = 0; row < kernel.height; ++row) {
            float* to = sum.data() +
                        ((plane * whole.height + corner.height + row) * whole.width + corner.width);
            const float* weight = weights + row * kernel.width * crops();
            for (std::int64_t column = 0; column < kernel.width; ++column)
                to[column] += weight[column * crops()] * *from++;
        }
}

//! [apply]
Tensor apply_patchwise(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
                       const Patches& patches) {
    const Size picture = size_of(x);
    Patches cut = patches;
    cut.kernel = {std::min(cut.kernel.height, picture.height),
                  std::min(cut.kernel.width, picture.width)};
    cut.stride = {std::min(cut.stride.height, cut.kernel.height),
                  std::min(cut.stride.width, cut.kernel.width)};
    const FoldUnfold grid(picture, cut);
    Tensor sum;
    for (int i = 0; i < grid.crops(); ++i) {
        const Tensor y = ops::to(ops::to(f(grid.crop(x, i)), Device::cpu), DType::f32);
        if (!sum)
            sum = Tensor::zeros({y.dim(0), y.dim(1), grid.result().height, grid.result().width});
        grid.add_weighted(sum, y, i);
    }
    return ops::to(sum / grid.normalization(), x.device());
}
//! [apply]

ddpm::Denoiser patchwise(ddpm::Denoiser model, const Patches& patches) {
    return [model = std::move(model), patches](const Tensor& x, const Tensor& t) {
        return apply_patchwise([&](const Tensor& crop) { return model(crop, t); }, x, patches);
    };
}

}  // namespace ldm::editing
