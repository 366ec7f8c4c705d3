#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "chapters/01_ddpm/sampling.h"

/// A large picture as overlapping crops of one size, and a blend of what a network makes of each
/// (ldm/models/diffusion/ddpm.py: get_fold_unfold, get_weighting, delta_border; upstream switches
/// it on with split_input_params). Memory is that of one crop at a time; what the network cannot
/// see beyond a crop it does not take into account.
///
///     y = sum_i fold_i(w_i f(crop_i(x))) / sum_i fold_i(w_i)
///
/// fold_i puts a crop back to where crop_i took it from, w_i is large in the middle of a crop and
/// small at its border.

namespace ldm::editing {

struct Size {
    std::int64_t height = 0, width = 0;
    bool operator==(const Size&) const = default;
};

/// The weights of crops; names and numbers are those of split_input_params.
struct CropWeights {
    float clip_min_weight = 0.01f, clip_max_weight = 0.5f;
    /// crops in the middle of the picture count more than those at its border
    bool tie_braker = false;
    float clip_min_tie_weight = 0.01f, clip_max_tie_weight = 0.5f;
};

/// How a picture is cut, and how large what becomes of a crop is.
struct Patches {
    /// of a crop
    Size kernel;
    /// from one crop to the next
    Size stride;
    CropWeights weights = {};
    /// what f returns is uf times as high and wide as a crop, or df times less
    int uf = 1, df = 1;
};

/// [h, w]: the distance to the nearest edge of a picture as a share of its height or width, 0 at
/// the edge and 0.5 in the middle.
///
///     d[y, x] = min(y / (h - 1), x / (w - 1), 1 - y / (h - 1), 1 - x / (w - 1))
///
/// An axis of one entry has its middle there (upstream divides 0 by 0).
[[nodiscard]] Tensor delta_border(Size size);

/// Where the crops of a picture are, and what each counts. They stand row by row, at multiples of
/// the stride; where these do not end at the edge of the picture, a last one does (upstream leaves
/// the remainder out and divides 0 by 0 there).
class FoldUnfold {
public:
    /// Throws an Error for a crop larger than the picture, for a stride that leaves gaps between
    /// the crops, and for sizes that uf or df does not take to whole numbers.
    FoldUnfold(Size picture, const Patches& patches);

    int crops() const { return static_cast<int>(tops_.size() * lefts_.size()); }

    /// Crop i of x [N, C, H, W] -> [N, C, kh, kw].
    [[nodiscard]] Tensor crop(const Tensor& x, int i) const;

    /// What y [N, C', kh', kw'], made of crop i, adds to sum [N, C', H', W']: y times its weights.
    /// Both are on the CPU; dashes are times uf or divided by df.
    void add_weighted(Tensor& sum, const Tensor& y, int i) const;

    /// w_i of all crops: [1, 1, kh', kw', crops].
    const Tensor& weighting() const { return weighting_; }
    /// The sum of all weights at each place: [1, 1, H', W'].
    const Tensor& normalization() const { return normalization_; }

    /// H' and W'.
    Size result() const { return scaled(picture_); }

private:
    Size scaled(Size size) const;
    void make_weighting();

    Size picture_;
    Patches patches_;
    std::vector<std::int64_t> tops_, lefts_;
    Tensor weighting_, normalization_;
};

/// f on every crop of x [N, C, H, W], one after the other, blended: [N, C', H', W']. f maps a crop
/// [N, C, kh, kw] to [N, C', kh', kw']. As upstream, a kernel larger than the picture is cut to it.
/// Throws as FoldUnfold does, and an Error if f returns another height or width than uf and df say.
[[nodiscard]] Tensor apply_patchwise(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
                                     const Patches& patches);

/// The same of a network that predicts from x and t: a Denoiser for pictures larger than fit into
/// memory, to be given to any sampler (ddpm.py, apply_model).
///
///     sampler.sample(patchwise(unet, {.kernel = {64, 64}, .stride = {32, 32}}), noise)
[[nodiscard]] ddpm::Denoiser patchwise(ddpm::Denoiser model, const Patches& patches);

}  // namespace ldm::editing
