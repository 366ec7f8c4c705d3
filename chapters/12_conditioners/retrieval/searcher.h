#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "chapters/12_conditioners/retrieval/exact_search.h"

// FAISS's, which only searcher.cpp knows
namespace faiss {
struct Index;
struct IndexIVF;
}  // namespace faiss

namespace ldm::conditioners {

/// How neighbours are looked for.
enum class SearchKind {
    /// compare with all vectors
    exact,
    /// an inverted file (Sivic and Zisserman, 2003): k-means puts the vectors into cells, and a
    /// query is compared with those of the cells whose centres are nearest to it
    ivf,
};

[[nodiscard]] std::string_view name_of(SearchKind kind);

/// "exact" or "ivf"; an Error for anything else.
[[nodiscard]] SearchKind search_kind_named(std::string_view name);

/// Below so many vectors upstream compares with all of them (scripts/train_searcher.py).
inline constexpr std::int64_t smallest_pool_for_ivf = 20'000;

/// What upstream's train_searcher decides from the number of vectors; in place of ScaNN's
/// partitions, cells.
[[nodiscard]] SearchKind search_kind_for(std::int64_t vectors);

/// Of an inverted file.
struct IvfConfig {
    /// cells; 0: the square root of the number of vectors
    std::int64_t nlist = 0;
    /// cells that are searched for a query; 0: a twentieth of them, but at least 8
    std::int64_t nprobe = 0;
    /// of k-means: the same vectors and seed give the same cells
    std::int64_t seed = 1234;
};

/// `config` for so many vectors, nothing left at 0. Throws an Error for more cells than vectors,
/// and for more that are searched than there are.
[[nodiscard]] IvfConfig completed(IvfConfig config, std::int64_t vectors);

/// Finds the vectors of a pool with the largest cosine similarity to a query, as
/// nearest_neighbours() does (scripts/knn2img.py: Searcher), but by FAISS (Douze et al., 2024), and
/// not always all of the pool is looked at.
///
/// FAISS only proposes: the 2 k that it finds are compared again by our own product ("reordering"
/// in upstream's train_searcher), and where the last of them are as near as the k-th neighbour, all
/// that are as near are. So an exact Searcher has the ids, similarities and embeddings of
/// nearest_neighbours() to the bit, of equal ones the first; FAISS itself would keep the last.
/// An inverted file may miss a neighbour, but never has a wrong similarity.
class Searcher {
public:
    /// `vectors` [n, D] of any length but 0, on the CPU. An inverted file is trained now. Throws an
    /// Error for no vectors, for vectors that are not finite or have no length, and where
    /// completed() does.
    explicit Searcher(const Tensor& vectors, SearchKind kind = SearchKind::exact,
                      const IvfConfig& config = {});

    /// An inverted file of `vectors` that was trained before and written by save(). Throws an Error
    /// if the file is not whole, or was made of another number of vectors or of another width
    /// (expect_ivf_layout).
    Searcher(const Tensor& vectors, const std::filesystem::path& trained);

    /// Writes an inverted file (faiss::write_index), complete or not at all.
    void save(const std::filesystem::path& trained) const;

    SearchKind kind() const { return ivf_ ? SearchKind::ivf : SearchKind::exact; }
    std::int64_t size() const { return vectors_.dim(0); }
    std::int64_t width() const { return vectors_.dim(1); }

    /// Of an inverted file; 1 and 1 of an exact search.
    std::int64_t nlist() const;
    std::int64_t nprobe() const;

    /// From now on searches so many cells. Throws an Error for an exact search, and outside of 1 to
    /// nlist().
    void set_nprobe(std::int64_t nprobe);

    /// The vectors, of length 1 [n, D].
    const Tensor& vectors() const { return vectors_; }

    /// The k nearest of each of `queries` [m, D], which have any length but 0, on any device;
    /// always k: where the cells have less, more cells are searched. The result is on the CPU, and
    /// that of a query does not depend on the other ones. Throws an Error for another width, for
    /// queries that are not finite or have no length, and unless 1 <= k <= n. One thread at a time.
    [[nodiscard]] Neighbours search(const Tensor& queries, std::int64_t k) const;

private:
    struct Found {
        std::vector<std::int32_t> ids;
        std::vector<float> similarities;
    };
    static Found best_of(std::span<const std::int32_t> ids, std::span<const float> similarities,
                         std::int64_t k);
    std::vector<std::int32_t> nearest(const float* query, std::int64_t count,
                                      std::int64_t cells) const;
    std::vector<std::int32_t> all_above(const float* query, float similarity,
                                        std::int64_t cells) const;
    Found search_one(const Tensor& query, std::int64_t k) const;

    Tensor vectors_;
    std::shared_ptr<faiss::Index> index_;
    // the same, if it is an inverted file
    faiss::IndexIVF* ivf_ = nullptr;
};

}  // namespace ldm::conditioners
