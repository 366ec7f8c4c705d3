#pragma once

#include <array>
#include <vector>

#include "common/nn/layers.h"

namespace ldm::train {

/// One 3x3 convolution of VGG16: its number in torchvision's `features`, and the slice of LPIPS
/// that it belongs to.
struct Vgg16Layer {
    int slice, index;
    int in, out;
};

inline constexpr std::array<Vgg16Layer, 13> vgg16_layers = {{{1, 0, 3, 64},
                                                             {1, 2, 64, 64},
                                                             {2, 5, 64, 128},
                                                             {2, 7, 128, 128},
                                                             {3, 10, 128, 256},
                                                             {3, 12, 256, 256},
                                                             {3, 14, 256, 256},
                                                             {4, 17, 256, 512},
                                                             {4, 19, 512, 512},
                                                             {4, 21, 512, 512},
                                                             {5, 24, 512, 512},
                                                             {5, 26, 512, 512},
                                                             {5, 28, 512, 512}}};

/// Features of VGG16, a classifier of photographs (Simonyan & Zisserman, 2014): edges first, then
/// textures, then parts of things. Each of the five slices ends in a ReLU and has half the
/// resolution of the one before it (vgg16 in taming's lpips.py).
///
/// x [N, 3, H, W] with H, W >= 16 -> 64, 128, 256, 512, 512 channels of size H / 2^k, rounded down.
/// Keys slice1.0 … slice5.28.
class Vgg16 {
public:
    static constexpr int slices = 5;
    static constexpr std::array<int, slices> channels = {64, 128, 256, 512, 512};

    explicit Vgg16(const nn::Params& weights);
    std::array<Tensor, slices> operator()(const Tensor& x) const;

private:
    std::array<std::vector<nn::Conv2d>, slices> slice_;
};

}  // namespace ldm::train
