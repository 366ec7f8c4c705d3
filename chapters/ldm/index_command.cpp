#include <fmt/format.h>
#include <omp.h>

#include <chrono>
#include <memory>

#include "chapters/12_conditioners/retrieval/embed_pictures.h"
#include "chapters/ldm/commands.h"
#include "common/report/interrupt.h"
#include "common/report/option_checks.h"
#include "common/report/progress.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;
using namespace conditioners;

struct Options {
    std::string model, data, output, kind, device = "cpu";
    IvfConfig ivf;
    bool no_captions = false, overwrite = false;
    int threads = 0;
};

/// So that the work is not done in vain.
void expect_place_for_index(const fs::path& folder, bool overwrite) {
    std::error_code unknown;
    if (fs::exists(folder, unknown) && !fs::is_directory(folder, unknown))
        throw Error(fmt::format("{} is a file, and an index is a folder: choose another name",
                                folder.string()));
    if (!fs::exists(folder, unknown) || fs::is_empty(folder, unknown)) return;
    if (!fs::exists(folder / "index.json", unknown))
        throw Error(fmt::format("{} has other files in it: choose another name for the index",
                                folder.string()));
    if (!overwrite)
        throw Error(fmt::format("{} has an index already: choose another name, or give --overwrite",
                                folder.string()));
}

void make_index(const Options& options) {
    if (options.threads > 0) omp_set_num_threads(options.threads);
    const report::InterruptGuard guard;
    std::optional<SearchKind> kind;
    if (!options.kind.empty()) kind = search_kind_named(options.kind);
    if (kind != SearchKind::ivf && (options.ivf.nlist != 0 || options.ivf.nprobe != 0))
        throw Error("--nlist and --nprobe are for an inverted file: give --kind ivf");
    expect_place_for_index(options.output, options.overwrite);
    const auto device = device_from(options.device);
    expect_usable(device);
    const auto captions = options.no_captions ? train::Captions::ignored : train::Captions::needed;
    const auto pictures = std::ssize(train::list_pictures(options.data, captions));
    if (kind == SearchKind::ivf) static_cast<void>(completed(options.ivf, pictures));

    const auto start = std::chrono::steady_clock::now();
    const auto seconds = [start] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const fs::path model = options.model.empty() ? nn::shipped_model() : fs::path(options.model);
    RetrievalIndex::Pool pool = embed_pictures(options.data, captions, model, device);
    const double embedded = seconds();
    const RetrievalIndex index(std::move(pool), kind, options.ivf);
    const double built = seconds() - embedded;
    index.save(options.output);
    const Searcher& searcher = index.searcher();
    fmt::print("{} pictures, {} numbers each, by the CLIP of '{}' ({}) in {}\n", index.size(),
               index.width(), index.model().name, index.model().fingerprint,
               report::duration_text(embedded));
    if (searcher.kind() == SearchKind::ivf)
        fmt::print("inverted file of {} cells, of which {} are searched, in {}\n", searcher.nlist(),
                   searcher.nprobe(), report::duration_text(built));
    else
        fmt::print("exact search\n");
    fmt::print("{}\n", options.output);
}

}  // namespace

void add_index(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "index", "Make an index of a folder of pictures by their CLIP embeddings, for ldm search");
    command
        ->add_option("-m,--model", options->model,
                     "A model of this project, whose CLIP looks at the pictures (default: the\n"
                     "emoji model that ships with the project)")
        ->type_name("FOLDER");
    command
        ->add_option("--data", options->data,
                     "A folder of pictures with metadata.jsonl (file_name, text),\nor with a .txt "
                     "beside each")
        ->type_name("FOLDER")
        ->required();
    command->add_flag("--no-captions", options->no_captions,
                      "The pictures need no captions; those of metadata.jsonl are kept");
    command->add_option("-o,--output", options->output, "The index is written into this folder")
        ->type_name("FOLDER")
        ->required();
    command->add_flag("--overwrite", options->overwrite, "Replace an index that exists");
    command
        ->add_option("--kind", options->kind,
                     "exact: compare a query with every picture; ivf: with those of the nearest\n"
                     "cells of an inverted file (default: ivf from 20,000 pictures on)")
        ->check(CLI::IsMember({"exact", "ivf"}));
    command
        ->add_option("--nlist", options->ivf.nlist,
                     "Cells of an inverted file (default: the square root of the pictures)")
        ->check(CLI::Range(1, 1 << 24));
    command
        ->add_option("--nprobe", options->ivf.nprobe,
                     "Cells that are searched for a query (default: a twentieth of them, at least "
                     "8)")
        ->check(CLI::Range(1, 1 << 24));
    command->add_option("-s,--seed", options->ivf.seed, "Of the k-means that finds the cells")
        ->check(CLI::Range(0, (1 << 30)))
        ->capture_default_str();
    command->add_option("--device", options->device, "Where to compute the embeddings")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    command->add_option("-t,--threads", options->threads, "Processor threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command->callback([=, &status] {
        make_index(*options);
        status = 0;
    });
}

}  // namespace ldm::program
