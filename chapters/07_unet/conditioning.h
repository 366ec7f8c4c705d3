#pragma once

#include <vector>

#include "common/tensor/tensor.h"

namespace ldm::unet {

/// What a picture is made from, beside the noise. Which of it a model takes, its conditioning key
/// says (DiffusionWrapper). Pieces of the same kind are joined.
struct Conditioning {
    /// [N, c, H, W]: more channels beside x
    std::vector<Tensor> concat;
    /// [N, M, D]: cross-attention context, the embeddings of tokens
    std::vector<Tensor> crossattn;
    /// class labels [N] int32
    Tensor y = {};

    /// Nothing at all: what an unconditional model is given.
    bool empty() const { return concat.empty() && crossattn.empty() && !y; }
};

/// Both as one batch, first `a`, then `b`: [Na + Nb, ...] each. Throws an Error when one of them
/// has a kind that the other lacks, or another shape.
Conditioning as_one_batch(const Conditioning& a, const Conditioning& b);

/// A conditioning of one picture for n pictures: [1, ...] each -> [n, ...].
Conditioning repeated(const Conditioning& one, std::int64_t n);

/// Labels [N1], [N2], … one after the other, where the first are.
Tensor joined_labels(const std::vector<Tensor>& labels);

/// In the type that the networks compute with; labels stay whole numbers.
Conditioning as_type(const Conditioning& given, DType dtype);

}  // namespace ldm::unet
