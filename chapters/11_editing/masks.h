#pragma once

#include <cstdint>
#include <filesystem>

#include "common/image/image.h"
#include "common/tensor/tensor.h"

/// Which part of a picture is to be drawn anew. A mask is [1, 1, H, W] on the CPU: 1 where to draw,
/// 0 where to keep, and between them a share of both.

namespace ldm::editing {

/// What scripts/inpaint.py of CompVis/latent-diffusion gives its network (make_batch), everything
/// in [-1, 1].
struct InpaintBatch {
    /// [1, 3, H, W]
    Tensor image;
    /// [1, 1, H, W], -1 or 1
    Tensor mask;
    /// the picture, black where it is to be drawn, [1, 3, H, W]
    Tensor masked_image;
};

/// The mask counts as 1 from 0.5 on, else as 0. Throws an Error if it does not have the picture's
/// size.
[[nodiscard]] InpaintBatch make_inpaint_batch(const image::Image& picture, const Tensor& mask);

/// x [N, C, H, W] at another size; pixel i of an axis is pixel floor(i in / out) of x
/// (F.interpolate's nearest): how a mask gets the size of a latent.
[[nodiscard]] Tensor resize_nearest(const Tensor& x, std::int64_t height, std::int64_t width);

/// The mask that a picture file holds: where it is transparent is to be drawn, or, if it is opaque
/// everywhere, where it is white (its luminance as a share of 255, by PIL's weights). Throws an
/// Error for what load_image refuses.
[[nodiscard]] Tensor load_mask(const std::filesystem::path& path);

/// Luminance as a share of 255: white is drawn anew.
[[nodiscard]] Tensor mask_of(const image::Image& picture);

/// 1 from 0.5 on, else 0.
[[nodiscard]] Tensor binary(const Tensor& mask);

/// What was kept is drawn, and the other way round.
[[nodiscard]] Tensor inverted(const Tensor& mask);

/// A soft edge: the mask blurred by a normal distribution of this standard deviation in pixels, cut
/// at 2.5 of them, edges mirrored (A1111's "mask blur"). 0 leaves it as it is. Throws an Error for
/// a sigma outside [0, 256].
[[nodiscard]] Tensor feathered(const Tensor& mask, double sigma);

/// Throws an Error with a sentence for the person who made the mask: it has another size than the
/// picture, or nothing is to be drawn (no number of it is 0.5 or more).
void expect_usable_mask(const Tensor& mask, const image::Extent& picture);

/// Some pixels of a picture; (x, y) is the upper left one.
struct Region {
    int x = 0, y = 0, width = 0, height = 0;
    bool operator==(const Region&) const = default;
};

/// How to enlarge what is cut out of a picture to be drawn alone, at full resolution.
struct RegionOptions {
    /// of the picture around what is drawn, in pixels at each side
    int padding = 32;
    /// width and height of what the crop will be drawn as: the crop grows to their ratio
    image::Extent drawn_as = {512, 512};
    /// width and height of the crop become multiples of this
    int step = 1;
};

/// The smallest rectangle around all of the mask that is not 0, enlarged as the options say, moved
/// into the picture where it stands out and cut where it still does (A1111's "inpaint only masked":
/// get_crop_region, expand_crop_region). Throws an Error if the mask is empty.
[[nodiscard]] Region region_around(const Tensor& mask, const RegionOptions& options);

/// `drawn`, of any size, resized to the region (Lanczos) and put into the picture as far as the
/// mask says: mask drawn + (1 - mask) picture, rounded. Outside of the region the picture stays.
/// Throws an Error if the mask does not have the picture's size or the region lies outside.
[[nodiscard]] image::Image pasted(const image::Image& picture, const image::Image& drawn,
                                  const Region& region, const Tensor& mask);

}  // namespace ldm::editing
