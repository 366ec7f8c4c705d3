#include "chapters/12_conditioners/retrieval/retrieval_index.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/io/utf8.h"

namespace ldm::conditioners {

RetrievalIndex::RetrievalIndex(Pool pool, std::optional<SearchKind> kind, const IvfConfig& config)
    : pool_(std::move(pool)),
      searcher_(pool_.embeddings, kind.value_or(search_kind_for(std::ssize(pool_.entries))),
                config) {
    if (std::ssize(pool_.entries) != size())
        throw Error(fmt::format("an index of {} pictures cannot have {} embeddings",
                                pool_.entries.size(), size()));
    for (const RetrievalEntry& entry : pool_.entries)
        for (const std::string& words : {entry.file_name, entry.caption})
            if (!text::is_valid_utf8(words))
                throw Error(fmt::format("'{}' is no UTF-8, so it cannot be in an index",
                                        text::printable(words)));
}

RetrievalIndex::RetrievalIndex(Pool pool, Searcher searcher)
    : pool_(std::move(pool)), searcher_(std::move(searcher)) {}

std::filesystem::path RetrievalIndex::picture(std::int64_t id) const {
    return pool_.pictures / pool_.entries.at(static_cast<std::size_t>(id)).file_name;
}

void RetrievalIndex::expect_made_by(const ClipIdentity& model) const {
    if (model.fingerprint == pool_.model.fingerprint) return;
    throw Error(fmt::format(
        "the index was made by the CLIP of '{}' ({}), which says nothing to "
        "that of '{}' ({}): make it again with this model, or name the other",
        text::printable(pool_.model.name), pool_.model.fingerprint, model.name, model.fingerprint));
}

}  // namespace ldm::conditioners
