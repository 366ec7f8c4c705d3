#pragma once

#include "common/tensor/tensor.h"

namespace ldm::conditioners {

/// The nearest of some vectors.
struct Neighbours {
    /// which they are, best first; int32 [queries, k]
    Tensor ids;
    /// their cosine similarities with the query [queries, k]
    Tensor similarities;
    /// themselves, of length 1 [queries, k, D]
    Tensor embeddings;
};

/// For each of `queries` [m, D] the k vectors of `database` [n, D] with the largest cosine
/// similarity, by comparing it with all of them (scripts/knn2img.py: Searcher.search). Of equal
/// ones the first comes first. On the CPU. Throws an Error unless 1 <= k <= n.
[[nodiscard]] Neighbours nearest_neighbours(const Tensor& database, const Tensor& queries,
                                            std::int64_t k);

}  // namespace ldm::conditioners
