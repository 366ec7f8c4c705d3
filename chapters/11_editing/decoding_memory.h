#pragma once

#include <string>

namespace ldm::editing {

/// What a decoding takes.
struct DecodingCost {
    std::string way;
    int size;
    /// of the processor, added up over threads
    double seconds;
    /// the most that tensors took at a time, in GB: 0.2 of it are weights
    double memory;
};

/// Decodes a latent of noise to a picture of size x size pixels with Stable Diffusion's decoder,
/// its weights random, on the CPU: in strips, or at once. Throws an Error unless `size` is a
/// multiple of 8 from 8 to 8192.
[[nodiscard]] DecodingCost decoding_cost(int size, bool in_strips);

}  // namespace ldm::editing
