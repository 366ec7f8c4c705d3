#pragma once

#include "common/tensor/tensor.h"

/// Cosine similarity, CLIP's contrastive loss and zero-shot classification (Radford et al., 2021).

namespace ldm::clip {

/// The cosine of the angle between every a and every b:
/// a [texts, D], b [pictures, D] -> [texts, pictures] in [-1, 1].
///
///     cosine[i, j] = a_i . b_j / (|a_i| |b_j|)
Tensor cosine_similarity(const Tensor& a, const Tensor& b);

/// The symmetric InfoNCE loss of a batch of pairs: text i and picture i belong together, all other
/// pairs are negatives. Each text classifies the pictures (rows) and each picture the texts:
///
///     loss = (cross_entropy(logits, 0 … N-1) + cross_entropy(logits^T, 0 … N-1)) / 2
///
/// logits_per_text [N, N] -> []. Throws unless it is square.
Tensor contrastive_loss(const Tensor& logits_per_text);

/// Zero-shot classification: the classes are sentences, the softmax over them their probabilities.
/// logits_per_image [N, texts] -> [N, texts].
Tensor zero_shot(const Tensor& logits_per_image);

}  // namespace ldm::clip
