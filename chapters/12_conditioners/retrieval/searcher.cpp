#include "chapters/12_conditioners/retrieval/searcher.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <faiss/utils/distances.h>
#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "chapters/12_conditioners/retrieval/ivf_layout.h"
#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/mapped_file.h"
#include "common/ops/embedding.h"
#include "common/ops/matmul.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"
#include "common/parallel.h"

namespace ldm::conditioners {
namespace {

/// FAISS compares many queries at once by the BLAS that happens to be installed. Its own loops give
/// a query the same numbers on every machine, whatever else is asked, and beside Debian's BLAS they
/// are not slower.
void use_no_blas() { faiss::distance_compute_blas_threshold = INT_MAX; }

/// Vectors of length 1. Throws an Error where that cannot be.
Tensor unit_vectors(const Tensor& vectors, std::string_view what) {
    const auto [n, width] = vectors.dims<2>();
    for (std::int64_t i = 0; i < n; ++i) {
        const std::span<const float> row(vectors.data() + i * width,
                                         static_cast<std::size_t>(width));
        if (!std::ranges::all_of(row, [](float x) { return std::isfinite(x); }))
            throw Error(fmt::format("{} {} has numbers that are not finite", what, i));
        double squares = 0;
        for (const float x : row) squares += double(x) * x;
        if (squares < FLT_MIN || squares > FLT_MAX)
            throw Error(fmt::format("{} {} has the length {:.3g}, so it has no direction", what, i,
                                    std::sqrt(squares)));
    }
    return ops::normalize(vectors);
}

/// How far two float32 sums of the products of unit vectors may be apart, in whatever order they
/// are added: each has an error below width * 2^-24 (Higham, 2002, section 3.1), because the sum of
/// the absolute products is at most 1.
float rounding(std::int64_t width) { return static_cast<float>(width + 8) * FLT_EPSILON; }

std::unique_ptr<faiss::IndexIVFFlat> train_ivf(const Tensor& vectors, const IvfConfig& config) {
    const auto [n, width] = vectors.dims<2>();
    auto quantizer = std::make_unique<faiss::IndexFlatIP>(width);
    auto ivf = std::make_unique<faiss::IndexIVFFlat>(
        quantizer.get(), static_cast<std::size_t>(width), static_cast<std::size_t>(config.nlist),
        faiss::METRIC_INNER_PRODUCT);
    ivf->own_fields = true;
    [[maybe_unused]] const auto* owned_by_ivf = quantizer.release();
    ivf->cp.seed = static_cast<int>(config.seed);
    // the centres have length 1, too, or a cell with a long one would get every query
    ivf->cp.spherical = true;
    // more vectors hardly move the centres, and take longer
    ivf->cp.max_points_per_centroid = 64;
    ivf->cp.min_points_per_centroid = 1;
    ivf->train(n, vectors.data());
    ivf->add(n, vectors.data());
    return ivf;
}

/// Whether the cells hold each vector once, so that no id leads elsewhere.
bool holds_each_once(const faiss::IndexIVF& ivf, std::int64_t vectors) {
    std::vector<bool> seen(static_cast<std::size_t>(vectors));
    std::int64_t count = 0;
    for (std::size_t cell = 0; cell < ivf.nlist; ++cell) {
        const faiss::InvertedLists::ScopedIds ids(ivf.invlists, cell);
        for (std::size_t i = 0; i < ivf.invlists->list_size(cell); ++i, ++count) {
            if (ids[i] < 0 || ids[i] >= vectors || seen[static_cast<std::size_t>(ids[i])])
                return false;
            seen[static_cast<std::size_t>(ids[i])] = true;
        }
    }
    return count == vectors;
}

std::shared_ptr<faiss::IndexIVFFlat> read_ivf(const std::filesystem::path& path,
                                              std::int64_t vectors, std::int64_t width) {
    const io::MappedFile file(path);
    expect_ivf_layout(file.bytes(), vectors, width, path.string());
    faiss::VectorIOReader reader;
    reader.data.resize(file.bytes().size());
    std::memcpy(reader.data.data(), file.bytes().data(), reader.data.size());
    try {
        const std::shared_ptr<faiss::Index> index(faiss::read_index(&reader));
        auto ivf = std::dynamic_pointer_cast<faiss::IndexIVFFlat>(index);
        if (ivf && holds_each_once(*ivf, vectors)) return ivf;
        throw Error(fmt::format("{}: its cells do not hold each vector once", path.string()));
    } catch (const faiss::FaissException& error) {
        throw Error(fmt::format("{}: FAISS cannot read it: {}", path.string(), error.what()));
    }
}

faiss::SearchParametersIVF probing(std::int64_t cells) {
    faiss::SearchParametersIVF parameters;
    parameters.nprobe = static_cast<std::size_t>(cells);
    return parameters;
}

}  // namespace

std::string_view name_of(SearchKind kind) { return kind == SearchKind::exact ? "exact" : "ivf"; }

SearchKind search_kind_named(std::string_view name) {
    for (const SearchKind kind : {SearchKind::exact, SearchKind::ivf})
        if (name == name_of(kind)) return kind;
    throw Error(fmt::format("a search is 'exact' or 'ivf', not '{}'", name));
}

SearchKind search_kind_for(std::int64_t vectors) {
    return vectors < smallest_pool_for_ivf ? SearchKind::exact : SearchKind::ivf;
}

IvfConfig completed(IvfConfig config, std::int64_t vectors) {
    if (config.nlist == 0)
        config.nlist = static_cast<std::int64_t>(std::sqrt(static_cast<double>(vectors)));
    if (config.nlist < 1 || config.nlist > vectors)
        throw Error(
            fmt::format("an inverted file of {} cells (nlist) was asked for, of {} vectors "
                        "there are: ask for fewer",
                        config.nlist, vectors));
    if (config.nprobe == 0)
        config.nprobe = std::min(config.nlist, std::max<std::int64_t>(8, config.nlist / 20));
    if (config.nprobe < 1 || config.nprobe > config.nlist)
        throw Error(
            fmt::format("{} cells are to be searched (nprobe), and the inverted file has "
                        "{}: search fewer",
                        config.nprobe, config.nlist));
    return config;
}

Searcher::Searcher(const Tensor& vectors, SearchKind kind, const IvfConfig& config) {
    use_no_blas();
    const auto [n, width] = vectors.dims<2>();
    if (n == 0) throw Error("there is nothing to search: no vectors");
    vectors_ = unit_vectors(vectors, "vector");
    if (kind == SearchKind::exact) {
        index_ = std::make_shared<faiss::IndexFlatIP>(width);
        index_->add(n, vectors_.data());
        return;
    }
    const IvfConfig settings = completed(config, n);
    const std::shared_ptr<faiss::IndexIVFFlat> ivf = train_ivf(vectors_, settings);
    ivf_ = ivf.get();
    index_ = ivf;
    set_nprobe(settings.nprobe);
}

Searcher::Searcher(const Tensor& vectors, const std::filesystem::path& trained) {
    use_no_blas();
    vectors_ = unit_vectors(vectors, "vector");
    const auto ivf = read_ivf(trained, size(), width());
    ivf_ = ivf.get();
    index_ = ivf;
}

void Searcher::save(const std::filesystem::path& trained) const {
    expect(ivf_ != nullptr, "an exact search has nothing to write");
    faiss::VectorIOWriter writer;
    faiss::write_index(index_.get(), &writer);
    io::AtomicFile file(trained);
    file.write(std::as_bytes(std::span(writer.data)));
    file.commit();
}

std::int64_t Searcher::nlist() const { return ivf_ ? static_cast<std::int64_t>(ivf_->nlist) : 1; }
std::int64_t Searcher::nprobe() const { return ivf_ ? static_cast<std::int64_t>(ivf_->nprobe) : 1; }

void Searcher::set_nprobe(std::int64_t nprobe) {
    if (!ivf_) throw Error("an exact search has no cells, so nprobe means nothing to it");
    if (nprobe < 1 || nprobe > nlist())
        throw Error(
            fmt::format("nprobe is {}, and the inverted file has {} cells", nprobe, nlist()));
    ivf_->nprobe = static_cast<std::size_t>(nprobe);
}

/// The k largest of the similarities to `ids`, of equal ones the lower id first.
Searcher::Found Searcher::best_of(std::span<const std::int32_t> ids,
                                  std::span<const float> similarities, std::int64_t k) {
    std::vector<std::size_t> order(ids.size());
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(
        order.begin(), order.begin() + k, order.end(), [&](std::size_t a, std::size_t b) {
            return similarities[a] != similarities[b] ? similarities[a] > similarities[b]
                                                      : ids[a] < ids[b];
        });
    Found best;
    for (std::int64_t i = 0; i < k; ++i) {
        best.ids.push_back(ids[order[i]]);
        best.similarities.push_back(similarities[order[i]]);
    }
    return best;
}

std::vector<std::int32_t> Searcher::nearest(const float* query, std::int64_t count,
                                            std::int64_t cells) const {
    std::vector<float> similarities(static_cast<std::size_t>(count));
    std::vector<std::int64_t> found(static_cast<std::size_t>(count));
    const faiss::SearchParametersIVF parameters = probing(cells);
    index_->search(1, query, count, similarities.data(), found.data(),
                   ivf_ ? &parameters : nullptr);
    // -1 where the cells have no more
    return {found.begin(), std::ranges::find(found, -1)};
}

std::vector<std::int32_t> Searcher::all_above(const float* query, float similarity,
                                              std::int64_t cells) const {
    const faiss::SearchParametersIVF parameters = probing(cells);
    faiss::RangeSearchResult found(1);
    index_->range_search(1, query, similarity, &found, ivf_ ? &parameters : nullptr);
    return {found.labels, found.labels + found.lims[1]};
}

//! [search]
Searcher::Found Searcher::search_one(const Tensor& query, std::int64_t k) const {
    std::int64_t cells = nprobe();
    const std::int64_t wanted = std::min(2 * k, size());
    std::vector<std::int32_t> ids = nearest(query.data(), wanted, cells);
    while (std::ssize(ids) < k) {
        cells = std::min(2 * cells, nlist());
        ids = nearest(query.data(), wanted, cells);
    }
    const auto compared = [&] {
        return ops::linear(query, ops::embedding(Tensor::ints({std::ssize(ids)}, ids), vectors_));
    };
    const Tensor cosines = compared();
    Found best = best_of(ids, cosines.values(), k);
    // what FAISS left out is no nearer than the last that it found; where many are alike, that may
    // be as near as the k-th
    const float enough = best.similarities.back() - 2 * rounding(width());
    const bool is_cut = std::ssize(ids) == wanted && wanted < size();
    if (is_cut && cosines.values().back() >= enough) {
        ids = all_above(query.data(), enough, cells);
        best = best_of(ids, compared().values(), k);
    }
    return best;
}
//! [search]

Neighbours Searcher::search(const Tensor& queries, std::int64_t k) const {
    const Tensor asked = ops::to(queries, Device::cpu);
    const std::int64_t count = asked.dims<2>()[0];
    expect_shape(asked, {count, width()});
    if (k < 1 || k > size())
        throw Error(
            fmt::format("{} neighbours were asked for, of {} vectors there are", k, size()));
    const Tensor units = unit_vectors(asked, "query");

    std::vector<Found> found(static_cast<std::size_t>(count));
    parallel_tasks(count, available_threads(), [&](std::int64_t i, int) {
        found[static_cast<std::size_t>(i)] = search_one(ops::slice(units, 0, i, i + 1), k);
    });
    std::vector<std::int32_t> ids;
    std::vector<float> similarities;
    for (const Found& one : found) {
        ids.insert(ids.end(), one.ids.begin(), one.ids.end());
        similarities.insert(similarities.end(), one.similarities.begin(), one.similarities.end());
    }
    const Tensor best = Tensor::ints({count, k}, ids);
    return {best, Tensor::from({count, k}, similarities), ops::embedding(best, vectors_)};
}

}  // namespace ldm::conditioners
