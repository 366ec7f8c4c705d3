#include "chapters/12_conditioners/class_embedder.h"

namespace ldm::conditioners {

ClassEmbedder::ClassEmbedder(const nn::Params& weights, int n_classes, int embed_dim)
    : embedding_(weights / "embedding", n_classes, embed_dim) {}

Tensor ClassEmbedder::operator()(const Tensor& y) const {
    expect_shape(y, {y.dim(0)});
    return embedding_(y.reshape({y.dim(0), 1}));
}

}  // namespace ldm::conditioners
