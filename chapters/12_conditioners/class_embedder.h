#pragma once

#include "common/nn/layers.h"

namespace ldm::conditioners {

/// A class as a context of one token (encoders/modules.py: ClassEmbedder): y [N] int32 -> [N, 1,
/// embed_dim]. Key embedding.weight [n_classes, embed_dim]. What a model learns with the class left
/// out at times, for guidance, has a number of its own (ImageNet's models: 1000).
class ClassEmbedder {
public:
    ClassEmbedder(const nn::Params& weights, int n_classes, int embed_dim);

    /// Throws an Error for a class outside of 0 … n_classes - 1.
    [[nodiscard]] Tensor operator()(const Tensor& y) const;

private:
    nn::Embedding embedding_;
};

}  // namespace ldm::conditioners
