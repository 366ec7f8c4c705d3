// Search by FAISS against the definition, and indices of pictures on the disk.

#include <fmt/format.h>
#include <omp.h>

#include <fstream>
#include <sstream>

#include "chapters/09_training/run/checksum.h"
#include "chapters/12_conditioners/retrieval/embed_pictures.h"
#include "common/image/example_pictures.h"
#include "common/image/png.h"
#include "common/io/json.h"
#include "common/io/safetensors.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using namespace ldm::conditioners;
using test::close;
using test::has_text;
using test::noise;
using test::TemporaryFolder;

namespace {

/// Ids, similarities and embeddings, all of them to the bit.
void check_same(const Neighbours& got, const Neighbours& expected) {
    CHECK(got.ids.shape() == expected.ids.shape());
    CHECK(std::equal(got.ids.ints(), got.ids.ints() + got.ids.size(), expected.ids.ints()));
    CHECK(close(got.similarities, expected.similarities, 0) == "");
    CHECK(close(got.embeddings, expected.embeddings, 0) == "");
}

/// `clusters` centres and as many vectors around each of them.
Tensor clustered(std::int64_t clusters, std::int64_t each, std::int64_t width, int seed,
                 float spread = 0.5f) {
    const Tensor centres = noise({clusters, 1, width}, seed),
                 offsets = noise({clusters, each, width}, seed + 1, spread);
    return (centres + offsets).reshape({clusters * each, width});
}

/// The share of the true neighbours that were found.
double recall(const Neighbours& found, const Neighbours& truth) {
    const auto [m, k] = truth.ids.dims<2>();
    int hits = 0;
    for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < k; ++j)
            hits += std::count(found.ids.ints() + i * k, found.ids.ints() + (i + 1) * k,
                               truth.ids.ints()[i * k + j]);
    return hits / static_cast<double>(m * k);
}

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

RetrievalIndex::Pool pool_of(const Tensor& embeddings) {
    RetrievalIndex::Pool pool{.embeddings = embeddings,
                              .pictures = "pictures",
                              .model = {.name = "some", .fingerprint = "0123456789abcdef"}};
    for (std::int64_t i = 0; i < embeddings.dim(0); ++i)
        pool.entries.push_back({"a/" + std::to_string(i) + ".png", "no. " + std::to_string(i)});
    return pool;
}

}  // namespace

TEST_CASE("FAISS finds what the definition finds, to the bit", "[retrieval]") {
    for (const auto& [n, width] : {std::pair(1, 1), {7, 3}, {300, 16}, {2000, 128}, {500, 768}}) {
        INFO(n << " x " << width);
        const Tensor vectors = noise({n, width}, n, 3.0f), queries = noise({33, width}, n + 1);
        const Searcher searcher(vectors);
        CHECK(searcher.kind() == SearchKind::exact);
        for (const int k : {1, 2, 5, 120, n}) {
            if (k > n) continue;
            const Neighbours found = searcher.search(queries, k);
            check_same(found, nearest_neighbours(vectors, queries, k));
            // alone as among others
            const Neighbours alone = searcher.search(ops::slice(queries, 0, 4, 5), k);
            CHECK(std::equal(alone.ids.ints(), alone.ids.ints() + k, found.ids.ints() + 4 * k));
            CHECK(close(alone.similarities, ops::slice(found.similarities, 0, 4, 5), 0) == "");
        }
    }
}

TEST_CASE("of equal vectors the first comes first, however many there are", "[retrieval]") {
    // every vector of a few comes many times, and some of the others are a little longer
    const Tensor few = noise({6, 24}, 5);
    std::vector<std::int32_t> rows;
    for (int i = 0; i < 600; ++i) rows.push_back(i * i % 6);
    std::vector<float> values;
    for (int i = 0; i < 600; ++i)
        for (int j = 0; j < 24; ++j)
            values.push_back(few.values()[rows[i] * 24 + j] * (i % 5 == 0 ? 2.0f : 1.0f));
    const Tensor vectors = Tensor::from({600, 24}, values);
    const Tensor queries = ops::concat({few, noise({4, 24}, 6)}, 0);
    const Searcher exact(vectors);
    Searcher ivf(vectors, SearchKind::ivf, {.nlist = 4, .nprobe = 4});
    for (const int k : {1, 2, 50, 99, 100, 101, 299, 600}) {
        INFO(k);
        const Neighbours truth = nearest_neighbours(vectors, queries, k);
        check_same(exact.search(queries, k), truth);
        check_same(ivf.search(queries, k), truth);
    }
}

TEST_CASE("an inverted file that searches all of its cells is exact", "[retrieval]") {
    const Tensor vectors = clustered(30, 40, 32, 1), queries = clustered(30, 2, 32, 1);
    Searcher searcher(vectors, SearchKind::ivf, {.nlist = 25});
    CHECK(searcher.kind() == SearchKind::ivf);
    CHECK(searcher.nlist() == 25);
    searcher.set_nprobe(25);
    for (const int k : {1, 10, 700})
        check_same(searcher.search(queries, k), nearest_neighbours(vectors, queries, k));
}

TEST_CASE("recall of an inverted file grows with the cells that are searched", "[retrieval]") {
    const Tensor vectors = clustered(100, 50, 64, 3, 1.2f);
    const Tensor queries = vectors + noise(vectors.shape(), 9, 0.2f);
    const Tensor some = ops::slice(queries, 0, 1000, 1200);
    const Neighbours truth = nearest_neighbours(vectors, some, 10);
    Searcher searcher(vectors, SearchKind::ivf);
    CHECK(searcher.nlist() == 70);
    CHECK(searcher.nprobe() == 8);
    CHECK(recall(searcher.search(some, 10), truth) >= 0.95);
    double before = 0;
    for (const int nprobe : {1, 4, 16, 70}) {
        searcher.set_nprobe(nprobe);
        const Neighbours found = searcher.search(some, 10);
        const double share = recall(found, truth);
        INFO(nprobe << " cells: recall " << share);
        CHECK(share >= before);
        // of one cell alone something is missing, or this test says nothing
        if (nprobe == 1) CHECK((share > 0.5 && share < 0.999));
        before = share;
        // what was found is as near as it says
        for (int i = 0; i < 10 * 200; ++i)
            CHECK(found.similarities.values()[i] <= truth.similarities.values()[i]);
    }
    CHECK(before == 1);
}

TEST_CASE("a search of few cells still finds as many as were asked for", "[retrieval]") {
    const Tensor vectors = clustered(20, 5, 8, 7);
    const Searcher searcher(vectors, SearchKind::ivf, {.nlist = 20, .nprobe = 1});
    const Neighbours found = searcher.search(ops::slice(vectors, 0, 0, 3), 60);
    for (int i = 0; i < 3; ++i) {
        std::vector<int> ids(found.ids.ints() + 60 * i, found.ids.ints() + 60 * (i + 1));
        CHECK(ids.front() == i);
        std::ranges::sort(ids);
        CHECK(std::ranges::adjacent_find(ids) == ids.end());
    }
    check_same(searcher.search(vectors, 100), nearest_neighbours(vectors, vectors, 100));
}

TEST_CASE("the same vectors make the same inverted file, on any number of threads", "[retrieval]") {
    const TemporaryFolder folder;
    const Tensor vectors = clustered(40, 30, 20, 11);
    const int threads = omp_get_max_threads();
    const auto written = [&](int on, std::int64_t seed) {
        omp_set_num_threads(on);
        Searcher(vectors, SearchKind::ivf, {.seed = seed}).save(folder / "searcher");
        omp_set_num_threads(threads);
        return bytes_of(folder / "searcher");
    };
    const std::string first = written(1, 1234);
    CHECK(written(1, 1234) == first);
    CHECK(written(4, 1234) == first);
    CHECK(written(1, 1235) != first);
}

TEST_CASE("how a pool is searched follows from its size, or from a name", "[retrieval]") {
    CHECK(search_kind_for(1) == SearchKind::exact);
    CHECK(search_kind_for(19'999) == SearchKind::exact);
    CHECK(search_kind_for(20'000) == SearchKind::ivf);
    CHECK(search_kind_named("ivf") == SearchKind::ivf);
    CHECK(search_kind_named("exact") == SearchKind::exact);
    CHECK_THROWS_WITH(search_kind_named("scann"), has_text("not 'scann'"));
    CHECK(RetrievalIndex(pool_of(noise({20'000, 2}, 1))).searcher().kind() == SearchKind::ivf);
    CHECK(RetrievalIndex(pool_of(noise({19'999, 2}, 1))).searcher().kind() == SearchKind::exact);
}

TEST_CASE("what cannot be searched is refused", "[retrieval]") {
    const Tensor vectors = noise({10, 4}, 1);
    const Searcher searcher(vectors);
    CHECK_THROWS_WITH(searcher.search(vectors, 11), has_text("of 10 vectors"));
    CHECK_THROWS_WITH(searcher.search(vectors, 0), has_text("0 neighbours"));
    CHECK_THROWS_AS(searcher.search(noise({1, 5}, 1), 1), Error);
    CHECK_THROWS_WITH(searcher.search(Tensor::zeros({1, 4}), 1),
                      has_text("query 0 has the length"));
    CHECK_THROWS_WITH(searcher.search(Tensor::full({1, 4}, NAN), 1), has_text("not finite"));
    CHECK_THROWS_WITH(Searcher(Tensor::zeros({0, 4})), has_text("nothing to search"));
    CHECK_THROWS_WITH(Searcher(Tensor::full({2, 4}, INFINITY)), has_text("vector 0"));
    CHECK_THROWS_WITH(Searcher(vectors, SearchKind::ivf, {.nlist = 11}), has_text("11 cells"));
    CHECK_THROWS_WITH(Searcher(vectors, SearchKind::ivf, {.nlist = 3, .nprobe = 4}),
                      has_text("has 3"));
    CHECK_THROWS_WITH(Searcher(vectors).set_nprobe(1), has_text("no cells"));
}

TEST_CASE("an index that was written is read again", "[retrieval]") {
    const Tensor embeddings = clustered(20, 20, 12, 21), queries = noise({5, 12}, 22);
    for (const SearchKind kind : {SearchKind::exact, SearchKind::ivf}) {
        const TemporaryFolder folder;
        const RetrievalIndex index(pool_of(embeddings), kind, {.nprobe = 3});
        index.save(folder / "index");
        const RetrievalIndex again = RetrievalIndex::load(folder / "index");
        CHECK(again.size() == 400);
        CHECK(again.width() == 12);
        CHECK(again.searcher().kind() == kind);
        CHECK(again.searcher().nprobe() == (kind == SearchKind::ivf ? 3 : 1));
        CHECK(again.entries()[399].caption == "no. 399");
        CHECK(again.picture(7) == std::filesystem::path("pictures/a/7.png"));
        CHECK(close(again.embeddings(), index.embeddings(), 0) == "");
        check_same(again.search(queries, 9), index.search(queries, 9));
        if (kind == SearchKind::exact)
            check_same(again.search(queries, 9), nearest_neighbours(embeddings, queries, 9));
        CHECK_NOTHROW(again.expect_made_by({"another name", "0123456789abcdef"}));
        CHECK_THROWS_WITH(again.expect_made_by({"other", "1123456789abcdef"}),
                          has_text("CLIP of 'some'") && has_text("'other'"));
        // and is replaced whole
        RetrievalIndex(pool_of(noise({3, 12}, 1)), SearchKind::exact).save(folder / "index");
        CHECK(RetrievalIndex::load(folder / "index").size() == 3);
        CHECK(!std::filesystem::exists(folder / "index" / "searcher.faiss"));
    }
    auto short_of_one = pool_of(embeddings);
    short_of_one.entries.pop_back();
    CHECK_THROWS_WITH(RetrievalIndex(short_of_one), has_text("399 pictures"));
    auto no_words = pool_of(embeddings);
    no_words.entries[3].caption = "\xff";
    CHECK_THROWS_WITH(RetrievalIndex(no_words), has_text("UTF-8"));
}

TEST_CASE("a damaged index is refused in a sentence", "[retrieval]") {
    const TemporaryFolder folder;
    const auto index = folder / "index";
    const RetrievalIndex good(pool_of(clustered(10, 10, 6, 31)), SearchKind::ivf);
    const auto refused = [&](const std::string& words) {
        CHECK_THROWS_WITH(RetrievalIndex::load(index), has_text(words) && has_text("index"));
        good.save(index);
        CHECK_NOTHROW(RetrievalIndex::load(index));
    };
    refused("no index of pictures");
    for (const char* name : {"embeddings.safetensors", "metadata.jsonl", "searcher.faiss"}) {
        const std::string bytes = bytes_of(index / name);
        write_bytes(index / name, bytes.substr(0, bytes.size() - 5));
        refused(std::string(name) + ": damaged, cut short");
        std::string changed = bytes;
        changed[bytes.size() / 2] ^= 1;
        write_bytes(index / name, changed);
        refused(std::string(name) + ": damaged");
        std::filesystem::remove(index / name);
        refused(name);
    }
    // checksums that fit say nothing about what is in the files
    const auto with = [&](const RetrievalIndex& other, const char* name) {
        const TemporaryFolder beside;
        other.save(beside.path());
        io::Json json = io::read_json(index / "index.json");
        std::filesystem::copy_file(beside / name, index / name,
                                   std::filesystem::copy_options::overwrite_existing);
        json["checksums"][name] = io::read_json(beside / "index.json")["checksums"][name];
        io::write_json(index / "index.json", json);
    };
    const RetrievalIndex wider(pool_of(clustered(10, 10, 7, 32)), SearchKind::ivf),
        fewer(pool_of(clustered(9, 10, 6, 33)), SearchKind::ivf);
    with(wider, "embeddings.safetensors");
    refused("[100, 7] and not F32 [100, 6]");
    with(fewer, "embeddings.safetensors");
    refused("[90, 6]");
    with(fewer, "metadata.jsonl");
    refused("90 pictures, and the index has 100");
    with(wider, "searcher.faiss");
    refused("100 vectors of 7 numbers, and there are 100 of 6");
    with(fewer, "searcher.faiss");
    refused("90 vectors of 6 numbers");

    const auto changed = [&](const char* key, const io::Json& value, const std::string& words) {
        io::Json json = io::read_json(index / "index.json");
        json[key] = value;
        io::write_json(index / "index.json", json);
        refused(words);
    };
    changed("entries", 0, "entries");
    changed("entries", 99, "[100, 6] and not F32 [99, 6]");
    changed("width", 5, "and not F32 [100, 5]");
    changed("kind", "scann", "'exact' or 'ivf'");
    changed("format", "ldm-retrieval v2", "format");
    changed("nprobe", 5, "nprobe");
    changed("model", "emoji", "model");
    write_bytes(index / "index.json", "{");
    refused("index.json");
}

TEST_CASE("an index with numbers that are not finite, or with another file of FAISS, is refused",
          "[retrieval]") {
    const TemporaryFolder folder;
    const auto index = folder / "index";
    const auto with_bytes = [&](const char* name, const std::string& bytes) {
        RetrievalIndex(pool_of(clustered(10, 10, 6, 31)), SearchKind::ivf).save(index);
        write_bytes(index / name, bytes);
        io::Json json = io::read_json(index / "index.json");
        // what index.json says of the file is right
        json["checksums"][name] =
            fmt::format("{:016x}", train::checksum(std::as_bytes(std::span(bytes))));
        io::write_json(index / "index.json", json);
    };
    for (const float bad : {NAN, INFINITY, 0.0f}) {
        Tensor embeddings = Tensor::zeros({100, 6}) + 1.0f;
        std::fill_n(embeddings.values().begin() + 18, 6, bad);
        const std::vector<io::TensorEntry> entries{
            io::entry_of("embeddings", {100, 6}, embeddings.values())};
        io::write_safetensors(folder / "bad", entries);
        with_bytes("embeddings.safetensors", bytes_of(folder / "bad"));
        CHECK_THROWS_WITH(RetrievalIndex::load(index),
                          has_text(bad == 0 ? "vector 3 has the length 0" : "not finite"));
    }
    with_bytes("searcher.faiss", "");
    CHECK_THROWS_WITH(RetrievalIndex::load(index), has_text("searcher.faiss"));
    with_bytes("searcher.faiss", "a file of something else");
    CHECK_THROWS_WITH(RetrievalIndex::load(index), has_text("no inverted file of FAISS"));
    // wherever it ends
    const std::string whole = [&] {
        RetrievalIndex(pool_of(clustered(10, 10, 6, 31)), SearchKind::ivf).save(index);
        return bytes_of(index / "searcher.faiss");
    }();
    for (std::size_t length = 0; length < whole.size(); length += 97) {
        INFO(length << " of " << whole.size());
        with_bytes("searcher.faiss", whole.substr(0, length));
        CHECK_THROWS_WITH(RetrievalIndex::load(index), has_text("searcher.faiss"));
    }
}

TEST_CASE("FAISS is shown no file that asks for something else than these cells", "[retrieval]") {
    const TemporaryFolder folder;
    const auto file = folder / "searcher.faiss";
    // few of many cells are used: FAISS lists those alone
    const Tensor few = noise({3, 4}, 41), many = ops::concat(std::vector<Tensor>(12, few), 0);
    for (const auto& [vectors, nlist] :
         {std::pair(clustered(6, 6, 4, 42), 5), std::pair(many, 30)}) {
        Searcher(vectors, SearchKind::ivf, {.nlist = nlist, .nprobe = nlist}).save(file);
        const std::string whole = bytes_of(file);
        CHECK((whole.find("sprs") != std::string::npos) == (nlist == 30));
        check_same(Searcher(vectors, file).search(vectors, 36),
                   nearest_neighbours(vectors, vectors, 36));
        const auto refused = [&](const std::string& bytes) {
            write_bytes(file, bytes);
            CHECK_THROWS_WITH(Searcher(vectors, file), has_text("searcher.faiss: "));
        };
        for (std::size_t length = 0; length < whole.size(); ++length)
            refused(whole.substr(0, length));
        refused(whole + "x");
        // all but the centres, the vectors, and what FAISS no longer uses, decides something
        const std::size_t header = 4 + 4 + 8 + 16 + 1 + 4, centres = header + 16 + header + 8,
                          cells = centres + nlist * 16, ids = whole.size() - 36 * (16 + 8);
        std::size_t unnoticed = 0;
        for (std::size_t at = 0; at < ids; ++at) {
            const bool unused = (at >= 16 && at < 32) || (at >= header + 32 && at < header + 48) ||
                                (at >= centres && at < cells);
            std::string changed = whole;
            changed[at] ^= '\x81';
            if (!unused) {
                INFO("byte " << at);
                refused(changed);
            } else {
                write_bytes(file, changed);
                CHECK_NOTHROW(Searcher(vectors, file));
                ++unnoticed;
            }
        }
        CHECK(unnoticed == 32 + nlist * 16u);
        // the ids of the first cell that holds any lie behind its vectors; none is twice there
        std::string twice = whole;
        std::copy_n(whole.end() - 8, 8, twice.end() - 16);
        refused(twice);
        std::string beyond = whole;
        beyond[whole.size() - 8] = 36;
        refused(beyond);
    }
}

TEST_CASE("an index of example pictures finds a picture by itself and by its words",
          "[retrieval]") {
    const auto model = nn::shipped_model();
    const auto examples = image::example_pictures(model);
    const auto count = std::ssize(examples);
    REQUIRE(count > 10);
    const TemporaryFolder folder;
    std::string lines;
    std::vector<image::Image> pictures;
    std::vector<std::string> words;
    for (const image::Example& example : examples) {
        const std::string name = example.slug + ".png";
        image::save_png(folder / name, example.picture);
        lines += io::Json{{"file_name", name}, {"text", example.caption}}.dump() + "\n";
        pictures.push_back(example.picture);
        words.push_back(example.caption);
    }
    lines += R"({"file_name": "broken.png", "text": "a picture that cannot be read"})";
    write_bytes(folder / "broken.png", "no picture");
    write_bytes(folder / "metadata.jsonl", lines);

    const RetrievalIndex index(embed_pictures(folder.path(), train::Captions::needed, model));
    CHECK(index.size() == count);
    CHECK(index.entries().back().caption == examples.back().caption);
    CHECK(index.picture(3).filename() == examples[3].slug + ".png");
    const clip::FeatureExtractor extractor(model);
    const Neighbours by_picture = index.search(extractor.image_features(pictures), 1),
                     by_words = index.search(extractor.text_features(words), 1);
    int right = 0;
    for (int i = 0; i < count; ++i) {
        CHECK(by_picture.ids.ints()[i] == i);
        CHECK(by_picture.similarities.values()[i] > 1 - 1e-5);
        right += by_words.ids.ints()[i] == i;
    }
    CHECK(right >= count - 1);
}

TEST_CASE("a CLIP is known by its weights, settings and words, wherever it lies", "[retrieval]") {
    const auto model = nn::shipped_model();
    const ClipIdentity here = clip_identity(model);
    CHECK(here.name == "emoji");
    CHECK(here.fingerprint.size() == 16);
    const TemporaryFolder folder;
    const auto copy = folder / "copy";
    std::filesystem::create_directory(copy);
    for (const char* name : {"config.json", "model.safetensors", "merges.txt"})
        std::filesystem::copy_file(model / name, copy / name);
    CHECK(clip_identity(copy).fingerprint == here.fingerprint);
    CHECK(clip_identity(copy).name == "copy");

    const std::string merges = bytes_of(copy / "merges.txt");
    write_bytes(copy / "merges.txt", merges.substr(0, merges.rfind('\n', merges.size() - 2) + 1));
    CHECK(clip_identity(copy).fingerprint != here.fingerprint);
    write_bytes(copy / "merges.txt", merges);
    CHECK(clip_identity(copy).fingerprint == here.fingerprint);

    // a bit of a weight of the image tower, and one of the UNet, which has no say
    const io::TensorFile file = io::open_safetensors(model / "model.safetensors");
    const auto changed = [&](const std::string& prefix) {
        std::string bytes = bytes_of(model / "model.safetensors");
        for (const io::TensorEntry& entry : file.entries())
            if (entry.name.starts_with(prefix)) {
                bytes[static_cast<std::size_t>(entry.bytes.data() -
                                               file.mapping()->bytes().data())] ^= 1;
                break;
            }
        write_bytes(copy / "model.safetensors", bytes);
        return clip_identity(copy).fingerprint;
    };
    CHECK(changed("clip_model.vision_model") != here.fingerprint);
    CHECK(changed("model.diffusion_model") == here.fingerprint);
}
