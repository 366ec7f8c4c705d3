#pragma once

#include <unordered_map>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/09_training/data/batches.h"

namespace ldm::train {

/// The posteriors that a frozen encoder has for the pictures of a training. While a picture comes
/// the same way every time (no random crop, no flip) it is encoded once and its moments are cached;
/// otherwise every time. `device` is where the weights are, and the results.
class PosteriorCache {
public:
    PosteriorCache(const nn::Params& weights, const vae::Config& config, int embed_dim,
                   const DataConfig& data, Device device);

    /// The parameters of a batch's posteriors, mean and log variance: [N, 2 embed_dim, h, w].
    /// CompVis calls them moments.
    Tensor moments(const Batch& batch);

private:
    vae::LatentEncoder encoder_;
    bool is_cached_;
    Device device_;
    // moments [1, 2 embed_dim, h, w] by the picture's index
    std::unordered_map<std::int64_t, Tensor> cache_;
};

}  // namespace ldm::train
