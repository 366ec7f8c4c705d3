#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chapters/12_conditioners/retrieval/clip_identity.h"
#include "chapters/12_conditioners/retrieval/searcher.h"

namespace ldm::conditioners {

/// A picture of an index.
struct RetrievalEntry {
    /// below the folder of the pictures
    std::string file_name;
    std::string caption;
};

/// Pictures, their embeddings, and how to find the nearest of them: what retrieval-augmented
/// diffusion (Blattmann et al., 2022) draws with.
///
///     const RetrievalIndex index = RetrievalIndex::load("emoji_index");
///     index.expect_made_by(clip_identity(model_folder));
///     const Neighbours found = index.search(extractor.text_features({"a cat"}), 4);
///     index.entries()[found.ids.ints()[0]].caption;       // of the nearest
///     found.embeddings;                                   // [1, 4, D], of length 1
class RetrievalIndex {
public:
    /// What it is made of.
    struct Pool {
        /// of the pictures, of any length but 0 [N, D], on the CPU
        Tensor embeddings;
        /// N of them
        std::vector<RetrievalEntry> entries;
        /// where the pictures are
        std::filesystem::path pictures;
        ClipIdentity model;
    };

    /// Trains an inverted file now, if it is to be one; without a `kind` the number of pictures
    /// decides (search_kind_for). Throws an Error where Searcher does, for as many entries as there
    /// are no embeddings of, and for names and captions that are not UTF-8.
    explicit RetrievalIndex(Pool pool, std::optional<SearchKind> kind = {},
                            const IvfConfig& config = {});

    /// Reads a folder that save() wrote, and checks all of it: one Error with the file and what is
    /// wrong with it.
    [[nodiscard]] static RetrievalIndex load(const std::filesystem::path& folder);

    /// Writes a folder, which is made if it is not there:
    ///
    ///     index.json               "format": "ldm-retrieval v1", "kind", "entries", "width",
    ///                              "pictures" (their folder), "model" (name, fingerprint), and
    ///                              "checksums" of the other files; written last
    ///     embeddings.safetensors   "embeddings" [N, D] float32, as the model gave them
    ///     metadata.jsonl           {"file_name", "text"} for each picture, as in a data set
    ///     searcher.faiss           of an inverted file: the cells and their vectors
    ///
    /// Replaces an index that is there. Throws an Error where it cannot be written.
    void save(const std::filesystem::path& folder) const;

    std::int64_t size() const { return searcher_.size(); }
    std::int64_t width() const { return searcher_.width(); }
    const std::vector<RetrievalEntry>& entries() const { return pool_.entries; }
    /// Where picture `id` is, or was when the index was made.
    std::filesystem::path picture(std::int64_t id) const;
    const ClipIdentity& model() const { return pool_.model; }

    /// Throws an Error if its embeddings come from another CLIP than `model`.
    void expect_made_by(const ClipIdentity& model) const;

    /// The embeddings, of length 1 [N, D].
    const Tensor& embeddings() const { return searcher_.vectors(); }

    const Searcher& searcher() const { return searcher_; }
    Searcher& searcher() { return searcher_; }

    /// The k nearest pictures to each of `queries` [m, D]: Searcher::search.
    [[nodiscard]] Neighbours search(const Tensor& queries, std::int64_t k) const {
        return searcher_.search(queries, k);
    }

private:
    RetrievalIndex(Pool pool, Searcher searcher);

    Pool pool_;
    Searcher searcher_;
};

}  // namespace ldm::conditioners
