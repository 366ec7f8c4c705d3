#pragma once

#include <unordered_map>

#include "chapters/02_vae/autoencoder.h"
#include "chapters/09_training/data/batches.h"

namespace ldm::train {

/// What a frozen encoder makes of the pictures of a training. While a picture comes the same way
/// every time (no random crop, no flip) it is encoded once and the result is cached; otherwise
/// every time.
class EncodedPictures {
public:
    /// `encoder`, with its weights on `device`, must outlive this.
    EncodedPictures(const vae::LatentEncoder& encoder, const DataConfig& data, Device device);

    /// The encoder's output for the pictures of a batch: the parameters of their posteriors, mean
    /// and log variance, [N, 2 embed_dim, h, w], which CompVis calls moments; of a VQModel the
    /// latents before quantization, [N, embed_dim, h, w].
    Tensor operator()(const Batch& batch);

private:
    const vae::LatentEncoder& encoder_;
    bool is_cached_;
    Device device_;
    // [1, c, h, w] by the picture's index
    std::unordered_map<std::int64_t, Tensor> cache_;
};

}  // namespace ldm::train
