// Times the search of chapter 12: the definition, FAISS's exact search and an inverted file.
//     cmake --build --preset cpu --target search_bench && build/cpu/bin/search_bench
// With a folder that `ldm index` wrote it prints instead what an inverted file of it misses.
// The vectors lie in clusters, as embeddings do; the ten nearest of 64 queries are searched for,
// all queries at once. A time is that of a query, the median of five runs that alternate.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <functional>

#include "chapters/03_clip/feature_extractor.h"
#include "chapters/12_conditioners/retrieval/retrieval_index.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/random/torch_random.h"
#include "common/report/spinning.h"
#include "common/report/table.h"

using namespace ldm;
using namespace ldm::conditioners;

namespace {

constexpr std::int64_t queries_at_once = 64, k = 10, cluster = 50;
constexpr int runs = 5;

Tensor noise(const Shape& shape, std::uint64_t seed) {
    Tensor numbers(shape);
    random::TorchGenerator(seed).normal(numbers.values());
    return numbers;
}

/// Clusters of 50, half as wide again as their centres are apart.
Tensor clustered(std::int64_t n, std::int64_t width) {
    const Tensor centres = noise({n / cluster, 1, width}, 1);
    return (centres + 1.5f * noise({n / cluster, cluster, width}, 2)).reshape({n, width});
}

double seconds(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double recall(const Neighbours& found, const Neighbours& truth) {
    std::int64_t hits = 0;
    for (std::int64_t i = 0; i < truth.ids.size(); i += k)
        for (std::int64_t j = i; j < i + k; ++j)
            hits += std::count(found.ids.ints() + i, found.ids.ints() + i + k, truth.ids.ints()[j]);
    return static_cast<double>(hits) / static_cast<double>(truth.ids.size());
}

void measure(report::Table& table, std::int64_t n, std::int64_t width) {
    const Tensor vectors = clustered(n, width);
    const Tensor queries =
        ops::slice(vectors, 0, 0, queries_at_once) + 0.5f * noise({queries_at_once, width}, 3);
    const Searcher exact(vectors);
    std::optional<Searcher> ivf;
    const double training = seconds([&] { ivf.emplace(vectors, SearchKind::ivf); });

    Neighbours truth, found;
    const std::array<std::function<void()>, 3> ways = {
        [&] { truth = nearest_neighbours(vectors, queries, k); },
        [&] { found = exact.search(queries, k); }, [&] { found = ivf->search(queries, k); }};
    std::array<std::array<double, runs>, ways.size()> times;
    for (int run = 0; run < runs; ++run)
        for (std::size_t way = 0; way < ways.size(); ++way) times[way][run] = seconds(ways[way]);
    std::array<double, ways.size()> median;
    for (std::size_t way = 0; way < ways.size(); ++way) {
        std::ranges::sort(times[way]);
        median[way] = 1e3 * times[way][runs / 2] / queries_at_once;
    }
    table.add({std::to_string(n), std::to_string(width), fmt::format("{:.3f}", median[0]),
               fmt::format("{:.3f}", median[1]), fmt::format("{:.2f}", median[1] / median[0]),
               fmt::format("{:.3f}", median[2]), fmt::format("{:.2f}", median[2] / median[0]),
               fmt::format("{} of {}", ivf->nprobe(), ivf->nlist()),
               fmt::format("{:.2f}", recall(found, truth)), fmt::format("{:.1f}", training)});
}

/// What an inverted file of an index misses, by the cells that it searches: for the captions of its
/// pictures as texts, and for the pictures.
void measure_recall(const std::string& folder) {
    const RetrievalIndex index = RetrievalIndex::load(folder);
    index.expect_made_by(clip_identity(nn::shipped_model()));
    std::vector<std::string> captions;
    for (const RetrievalEntry& entry : index.entries()) captions.push_back(entry.caption);
    const Tensor texts = clip::FeatureExtractor(nn::shipped_model()).text_features(captions);
    const Searcher exact(index.embeddings());
    const Neighbours of_texts = exact.search(texts, k),
                     of_pictures = exact.search(index.embeddings(), k);
    Searcher ivf(index.embeddings(), SearchKind::ivf);
    report::Table table({"cells", "recall@10 of texts", "recall@10 of pictures"});
    for (std::int64_t nprobe = 1;; nprobe = std::min(2 * nprobe, ivf.nlist())) {
        ivf.set_nprobe(nprobe);
        table.add({fmt::format("{} of {}", nprobe, ivf.nlist()),
                   fmt::format("{:.3f}", recall(ivf.search(texts, k), of_texts)),
                   fmt::format("{:.3f}", recall(ivf.search(index.embeddings(), k), of_pictures))});
        if (nprobe == ivf.nlist()) break;
    }
    fmt::print("{}", table.markdown());
}

void measure_time() {
    report::Table table({"vectors", "width", "definition, ms", "FAISS exact, ms", "ratio",
                         "IVF, ms", "ratio", "cells", "recall@10", "training, s"});
    for (const std::int64_t n : {1'000, 10'000, 100'000})
        for (const std::int64_t width : {128, 768}) measure(table, n, width);
    fmt::print("{}", table.markdown());
}

}  // namespace

int main(int argc, char** argv) {
    report::limit_spinning(argv);
    if (argc > 1)
        measure_recall(argv[1]);
    else
        measure_time();
    return 0;
}
