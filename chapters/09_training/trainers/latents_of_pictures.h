#pragma once

#include <unordered_map>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/09_training/data/batches.h"

namespace ldm::train {

/// What a finished autoencoder's encoder says about the pictures of a training. While every picture
/// always comes the same way (no random crop, no mirror), it is asked once for each. `device` is
/// where its weights are, and its answers.
class LatentsOfPictures {
public:
    LatentsOfPictures(const nn::Params& weights, const vae::Config& config, int embed_dim,
                      const DataConfig& data, Device device);

    /// The moments of a batch: [N, 2 embed_dim, h, w].
    Tensor moments(const Batch& batch);

private:
    vae::LatentEncoder encoder_;
    bool remember_;
    Device device_;
    // by picture: [1, 2 embed_dim, h, w]
    std::unordered_map<std::int64_t, Tensor> known_;
};

}  // namespace ldm::train
