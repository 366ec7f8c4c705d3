#pragma once

#include "chapters/09_training/losses/vgg16.h"

namespace ldm::train {

/// Learned perceptual image patch similarity: how different two pictures look to a person (LPIPS;
/// Zhang et al., 2018; taming's lpips.py).
///
/// Both pictures go through VGG16. With f^k the features of slice k, each pixel's normalized to
/// length 1, and w^k weights fitted to the judgements of people:
///
///     d(a, b) = sum over k of mean over pixels of sum over channels of w^k_c (f^k_c(a) -
///     f^k_c(b))^2
///
/// A blurred picture is near the sharp one pixel by pixel, but not in this measure: that is why it
/// is part of an autoencoder's loss. It is never trained itself. Upstream's dropout in front of the
/// w^k is left out: it belongs to the training of LPIPS.
///
/// a, b [N, 3, H, W] with values in [-1, 1] -> [N, 1, 1, 1].
/// Keys scaling_layer.shift, scaling_layer.scale, net.slice1.0 …, lin0.model.1 … lin4.model.1.
class LPIPS {
public:
    explicit LPIPS(const nn::Params& weights);
    Tensor operator()(const Tensor& a, const Tensor& b) const;

private:
    // [1, 3, 1, 1]: from [-1, 1] to what VGG16 was trained with
    Tensor shift_, scale_;
    Vgg16 net_;
    std::vector<nn::Conv2d> lin_;
};

/// Every pixel's vector of channels divided by its length: x [N, C, H, W] -> the same shape. 1e-10
/// is added to the length, so that a vector of zeros stays one.
Tensor normalize_tensor(const Tensor& x);

}  // namespace ldm::train
