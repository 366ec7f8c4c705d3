#pragma once

#include <string>
#include <vector>

namespace ldm::samplers {

/// Where programs that say the same name do not do the same.
struct Disagreement {
    /// who does it, and how
    struct Way {
        std::string who, how;
    };
    std::string what;
    Way one, other;
    /// between the two results: root mean square, as a share of the other's
    double difference;
};

/// Everything of that kind that the stored cases have shown, k-diffusion 0.1.1 and A1111,
/// diffusers 0.42.1, ComfyUI and CompVis's stable-diffusion among each other: both ways are run
/// from the same noise, with the best denoiser of a mixture of normal distributions for a network
/// and, unless it says otherwise, in 20 steps.
std::vector<Disagreement> disagreements();

/// Three lines for each: what differs and by how much, and who does it how.
std::string text_of(const std::vector<Disagreement>& disagreements);

}  // namespace ldm::samplers
