// RetrievalIndex on the disk.

#include <fmt/format.h>

#include "chapters/09_training/data/picture_list.h"
#include "chapters/09_training/run/checksum.h"
#include "chapters/12_conditioners/retrieval/retrieval_index.h"
#include "common/error.h"
#include "common/io/atomic_file.h"
#include "common/io/json.h"
#include "common/io/mapped_file.h"
#include "common/io/safetensors.h"

namespace ldm::conditioners {
namespace {

namespace fs = std::filesystem;

constexpr const char *format = "ldm-retrieval v1", *index_file = "index.json",
                     *embeddings_file = "embeddings.safetensors", *metadata_file = "metadata.jsonl",
                     *searcher_file = "searcher.faiss";
// more than any list of pictures that fits into a text file
constexpr std::int64_t most_entries = std::int64_t{1} << 31, widest = 1 << 16;

std::string checksum_of(const fs::path& file) {
    return fmt::format("{:016x}", train::checksum(io::MappedFile(file).bytes()));
}

/// The files beside index.json.
std::vector<const char*> parts_of(SearchKind kind) {
    std::vector<const char*> parts{embeddings_file, metadata_file};
    if (kind == SearchKind::ivf) parts.push_back(searcher_file);
    return parts;
}

/// What index.json says.
struct Header {
    SearchKind kind;
    std::int64_t entries, width;
    fs::path pictures;
    ClipIdentity model;
    io::Json checksums;
};

Header read_header(const fs::path& file) {
    const io::Json json = io::read_json(file);
    try {
        if (io::get_or(json, "format", "") != format)
            throw Error(fmt::format("'format' is not \"{}\"", format));
        io::expect_only_keys(
            json, {"format", "kind", "entries", "width", "pictures", "model", "checksums"},
            "an index");
        const auto model = io::get<io::Json>(json, "model");
        io::expect_only_keys(model, {"name", "fingerprint"}, "model");
        return {.kind = search_kind_named(io::get<std::string>(json, "kind")),
                .entries = io::get_in<std::int64_t>(json, "entries", 1, most_entries),
                .width = io::get_in<std::int64_t>(json, "width", 1, widest),
                .pictures = io::get<std::string>(json, "pictures"),
                .model = {.name = io::get<std::string>(model, "name"),
                          .fingerprint = io::get<std::string>(model, "fingerprint")},
                .checksums = io::get<io::Json>(json, "checksums")};
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", file.string(), error.what()));
    }
}

void expect_whole(const fs::path& folder, const Header& header) {
    for (const char* part : parts_of(header.kind))
        if (io::get_or(header.checksums, part, "") != checksum_of(folder / part))
            throw Error(
                fmt::format("{}: damaged, cut short, or of another index: make the index "
                            "again with ldm index",
                            (folder / part).string()));
}

Tensor read_embeddings(const fs::path& file, std::int64_t entries, std::int64_t width) {
    const io::TensorFile tensors = io::open_safetensors(file);
    const io::TensorEntry& entry = tensors.at("embeddings");
    if (entry.dtype != io::DType::f32 || entry.shape != std::vector{entries, width})
        throw Error(fmt::format("{}: its embeddings are {} {} and not F32 [{}, {}]", file.string(),
                                io::name_of(entry.dtype), io::shape_text(entry.shape), entries,
                                width));
    if (const std::size_t bad = io::count_not_finite(entry))
        throw Error(fmt::format("{}: {} numbers are not finite", file.string(), bad));
    Tensor embeddings(Shape{entries, width});
    io::read_floats(entry, embeddings.values());
    return embeddings;
}

std::vector<RetrievalEntry> read_entries(const fs::path& folder, std::int64_t count) {
    std::vector<RetrievalEntry> entries;
    for (const train::PictureFile& file : train::list_pictures(folder, train::Captions::needed))
        entries.push_back(
            {.file_name = file.path.lexically_relative(folder).string(), .caption = file.caption});
    if (std::ssize(entries) != count)
        throw Error(fmt::format("{}: it lists {} pictures, and the index has {}",
                                (folder / metadata_file).string(), entries.size(), count));
    return entries;
}

}  // namespace

RetrievalIndex RetrievalIndex::load(const fs::path& folder) {
    std::error_code unknown;
    if (!fs::exists(folder / index_file, unknown))
        throw Error(fmt::format("{}: no index of pictures (ldm index makes one)", folder.string()));
    const Header header = read_header(folder / index_file);
    expect_whole(folder, header);
    Pool pool{.embeddings = read_embeddings(folder / embeddings_file, header.entries, header.width),
              .entries = read_entries(folder, header.entries),
              .pictures = header.pictures,
              .model = header.model};
    try {
        Searcher searcher = header.kind == SearchKind::exact
                                ? Searcher(pool.embeddings)
                                : Searcher(pool.embeddings, folder / searcher_file);
        return {std::move(pool), std::move(searcher)};
    } catch (const OutOfMemory&) {
        throw;
    } catch (const Error& error) {
        throw Error(fmt::format("{}: {}", folder.string(), error.what()));
    }
}

void RetrievalIndex::save(const fs::path& folder) const {
    io::make_folder(folder);
    // without it there is no index, until all of the others are there
    std::error_code unknown;
    fs::remove(folder / index_file, unknown);
    fs::remove(folder / searcher_file, unknown);

    const std::vector<io::TensorEntry> tensors{
        io::entry_of("embeddings", {size(), width()}, pool_.embeddings.values())};
    io::write_safetensors(folder / embeddings_file, tensors);
    io::AtomicFile metadata(folder / metadata_file);
    for (const RetrievalEntry& entry : pool_.entries)
        metadata.write(io::Json{{"file_name", entry.file_name}, {"text", entry.caption}}.dump() +
                       "\n");
    metadata.commit();
    if (searcher_.kind() == SearchKind::ivf) searcher_.save(folder / searcher_file);

    io::Json checksums;
    for (const char* part : parts_of(searcher_.kind()))
        checksums[part] = checksum_of(folder / part);
    io::write_json(
        folder / index_file,
        {{"format", format},
         {"kind", std::string(name_of(searcher_.kind()))},
         {"entries", size()},
         {"width", width()},
         {"pictures", pool_.pictures.string()},
         {"model", {{"name", pool_.model.name}, {"fingerprint", pool_.model.fingerprint}}},
         {"checksums", checksums}});
}

}  // namespace ldm::conditioners
