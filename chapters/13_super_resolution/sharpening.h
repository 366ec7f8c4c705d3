#pragma once

#include "common/tensor/tensor.h"

namespace ldm::super_resolution {

struct Sharpening {
    /// how much of the difference from the blurred picture is added
    double weight = 0.5;
    /// pixels across the blur; one more when the number is even
    int radius = 50;
    /// in 255ths: where the difference is smaller, nothing changes, for that is noise
    double threshold = 10;
};

/// Unsharp masking of a picture in [0, 1] (Real-ESRGAN sharpens the pictures that its network is to
/// give): what a blur takes away is added once more, where there is enough of it. Throws an Error
/// for a radius below 10, where OpenCV's blur, which this one is, follows another rule.
[[nodiscard]] Tensor add_sharpening(const Tensor& x, const Sharpening& settings = {});

}  // namespace ldm::super_resolution
