#include <fmt/format.h>
#include <omp.h>

#include <memory>
#include <optional>

#include "chapters/03_clip/feature_extractor.h"
#include "chapters/12_conditioners/figures.h"
#include "chapters/12_conditioners/retrieval/retrieval_index.h"
#include "chapters/ldm/commands.h"
#include "chapters/ldm/picture_files.h"
#include "common/error.h"
#include "common/io/utf8.h"
#include "common/ops/transfer.h"
#include "common/report/interrupt.h"
#include "common/report/table.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;
using namespace conditioners;

struct Options {
    std::string index, model, prompt, image, data, output, device = "cpu";
    bool has_prompt = false, overwrite = false;
    std::int64_t neighbours = 10, nprobe = 0;
    int threads = 0;
};

fs::path picture_of(const Options& options, const RetrievalIndex& index, std::int64_t id) {
    return options.data.empty() ? index.picture(id)
                                : fs::path(options.data) / index.entries().at(id).file_name;
}

void print_table(const RetrievalIndex& index, const Neighbours& found) {
    report::Table table({"similarity", "file", "caption"});
    for (std::int64_t i = 0; i < found.ids.size(); ++i) {
        const RetrievalEntry& entry = index.entries().at(found.ids.ints()[i]);
        table.add({fmt::format("{:.4f}", found.similarities.values()[i]),
                   text::printable(entry.file_name), text::printable(entry.caption)});
    }
    fmt::print("{}\n", table.text());
}

void draw_sheet(const Options& options, const RetrievalIndex& index, const Neighbours& found,
                const std::optional<image::Image>& query) {
    std::vector<FoundPicture> pictures;
    for (std::int64_t i = 0; i < found.ids.size(); ++i) {
        const std::int32_t id = found.ids.ints()[i];
        try {
            pictures.push_back({.picture = image::load_image(picture_of(options, index, id)),
                                .caption = index.entries().at(id).caption,
                                .similarity = found.similarities.values()[i]});
        } catch (const Error& error) {
            throw Error(fmt::format("{} (--data says where the pictures are now)", error.what()));
        }
    }
    const std::string title = query ? "The pictures that are nearest to a picture"
                                    : fmt::format("The pictures that are nearest to \"{}\"",
                                                  text::printable(options.prompt));
    search_figure(title, query, pictures, index.size()).save(options.output);
    fmt::print("{}\n", options.output);
}

void search(const Options& options) {
    if (options.threads > 0) omp_set_num_threads(options.threads);
    const report::InterruptGuard guard(report::OnInterrupt::exit);
    if (!options.has_prompt && options.image.empty())
        throw Error("nothing to search for: give --prompt or --image");
    if (!options.output.empty()) {
        const std::string kind = fs::path(options.output).extension().string();
        if (kind != ".png" && kind != ".svg")
            throw Error(options.output + ": expected a name with .png or .svg");
        expect_writable(options.output, options.overwrite);
    }
    const auto device = device_from(options.device);
    expect_usable(device);
    RetrievalIndex index = RetrievalIndex::load(options.index);
    const fs::path model = options.model.empty() ? nn::shipped_model() : fs::path(options.model);
    index.expect_made_by(clip_identity(model));
    if (options.neighbours > index.size())
        throw Error(fmt::format("--neighbours {} is more than the {} pictures of {}",
                                options.neighbours, index.size(), options.index));
    if (options.nprobe != 0) index.searcher().set_nprobe(options.nprobe);

    std::optional<image::Image> query;
    if (!options.image.empty()) query = image::load_image(options.image);
    const clip::FeatureExtractor extractor(model, device);
    const Neighbours found = index.search(
        query ? extractor.image_features({*query}) : extractor.text_features({options.prompt}),
        options.neighbours);
    print_table(index, found);
    if (!options.output.empty()) draw_sheet(options, index, found, query);
}

}  // namespace

void add_search(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "search", "Find the pictures of an index that are nearest to a text or to a picture");
    command->add_option("--index", options->index, "A folder that ldm index wrote")
        ->type_name("FOLDER")
        ->required();
    command
        ->add_option("-m,--model", options->model,
                     "The model that the index was made with (default: the emoji model that ships\n"
                     "with the project)")
        ->type_name("FOLDER");
    CLI::Option* prompt =
        command->add_option("-p,--prompt", options->prompt, "A text to find pictures for");
    command->add_option("--image", options->image, "A picture to find pictures for")
        ->type_name("FILE")
        ->excludes("--prompt");
    command->add_option("-k,--neighbours", options->neighbours, "How many pictures to find")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    command
        ->add_option("--nprobe", options->nprobe,
                     "Cells of an inverted file that are searched (default: what the index says)")
        ->check(CLI::Range(1, 1 << 24));
    command
        ->add_option("-o,--output", options->output,
                     "Draw what was found on a sheet, a .png or .svg")
        ->type_name("FILE");
    command->add_flag("--overwrite", options->overwrite, "Replace a sheet that exists");
    command
        ->add_option("--data", options->data,
                     "For the sheet: where the pictures are, if no longer where they were")
        ->type_name("FOLDER");
    command->add_option("--device", options->device, "Where to compute the embedding")
        ->check(CLI::IsMember({"cpu", "cuda"}))
        ->capture_default_str();
    command->add_option("-t,--threads", options->threads, "Processor threads (default: all)")
        ->check(CLI::Range(1, 1024));
    command->callback([=, &status] {
        options->has_prompt = prompt->count() > 0;
        search(*options);
        status = 0;
    });
}

}  // namespace ldm::program
