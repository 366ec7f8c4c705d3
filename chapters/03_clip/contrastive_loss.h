#pragma once

#include "common/tensor/tensor.h"

/// How CLIP compares and learns: which caption belongs to which picture?

namespace ldm::clip {

/// The cosine of the angle between every a and every b: a [N, P], b [M, P] -> [N, M] in [-1, 1].
///
///     s[i, j] = a_i . b_j / (|a_i| |b_j|)
Tensor cosine_similarity(const Tensor& a, const Tensor& b);

/// The loss of a batch of pairs: text i and picture i belong together, all other pairs do not. Each
/// text is to find its picture (rows) and each picture its text (columns):
///
///     loss = (cross_entropy(logits, 0 … N-1) + cross_entropy(logits^T, 0 … N-1)) / 2
///
/// logits_per_text [N, N] -> [].
Tensor contrastive_loss(const Tensor& logits_per_text);

/// A classifier nobody trained: the classes are sentences, and the picture chooses.
/// logits_per_image [N, texts] -> the probability of each text, [N, texts].
Tensor zero_shot(const Tensor& logits_per_image);

}  // namespace ldm::clip
