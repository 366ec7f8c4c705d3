// ldm index and ldm search, as a person meets them.

#include <filesystem>

#include "common/image/example_pictures.h"
#include "common/image/png.h"
#include "common/io/json.h"
#include "common/nn/model_source.h"
#include "tests/support/program.h"

namespace {

namespace fs = std::filesystem;
using namespace ldm;
using test::check_refused;
using test::Folder;
using test::has_text;
using test::Outcome;
using test::run;

/// The example pictures of the shipped model as a data set.
void write_pictures(const Folder& folder) {
    std::string lines;
    for (const image::Example& example : image::example_pictures(nn::shipped_model())) {
        image::save_png(folder / (example.slug + ".png"), example.picture);
        lines +=
            io::Json{{"file_name", example.slug + ".png"}, {"text", example.caption}}.dump() + "\n";
    }
    test::write_bytes(folder / "metadata.jsonl", lines);
}

/// The first row of the table that a search prints.
std::string nearest(const Outcome& outcome) {
    const std::size_t rule = outcome.output.find("\n--");
    REQUIRE(rule != std::string::npos);
    const std::size_t begin = outcome.output.find('\n', rule + 1) + 1;
    return outcome.output.substr(begin, outcome.output.find('\n', begin) - begin);
}

}  // namespace

TEST_CASE("a folder of pictures becomes an index, and the index is searched") {
    const Folder pictures, folder;
    write_pictures(pictures);
    const auto examples = image::example_pictures(nn::shipped_model());
    const std::string data = " --data " + pictures.path().string() + " --output ";
    for (const char* kind : {"exact", "ivf"}) {
        const std::string index = folder / kind;
        const Outcome made = run("index --kind " + std::string(kind) + data + index);
        INFO(made.output);
        REQUIRE(made.status == 0);
        CHECK_THAT(made.output,
                   has_text(std::to_string(examples.size()) + " pictures, 128 numbers"));
        CHECK_THAT(made.output,
                   has_text(kind == std::string("ivf") ? "inverted file of 3" : "exact search"));
        const std::string search = "search --index " + index + " --neighbours 3 ";
        const image::Example& wanted = examples[5];
        CHECK_THAT(nearest(run(search + "--prompt \"" + wanted.caption + "\"")),
                   has_text(wanted.caption) && has_text(wanted.slug + ".png"));
        const Outcome found = run(search + "--image " + pictures / (wanted.slug + ".png") +
                                  " --output " + folder / "sheet.png --overwrite");
        CHECK(found.status == 0);
        CHECK_THAT(nearest(found), has_text("1.0000") && has_text(wanted.caption));
        const image::Image sheet = image::load_image(folder / "sheet.png");
        CHECK(sheet.width > 4 * 128);
        CHECK(sheet.height > 128);
    }
    // by the number of pictures
    CHECK_THAT(run("index" + data + folder / "small").output, has_text("exact search"));
}

TEST_CASE("an index of pictures without captions, and of pictures that have moved") {
    const Folder pictures, folder;
    fs::create_directory(pictures / "before");
    image::save_png(pictures / "before/white.png", image::Image(40, 30));
    const std::string index = folder / "index";
    const std::string make = "index --data " + pictures / "before" + " --output " + index;
    CHECK_THAT(run(make).output, has_text("1 of 1 pictures have no caption"));
    CHECK(folder.empty());
    REQUIRE(run(make + " --no-captions").status == 0);
    fs::rename(pictures / "before", pictures / "after");
    const std::string search = "search --index " + index + " -k 1 --prompt white";
    CHECK(run(search).status == 0);
    const Outcome gone = run(search + " --output " + folder / "a.png");
    CHECK(gone.status == 1);
    CHECK_THAT(gone.output, has_text("white.png") && has_text("--data says where"));
    CHECK(!fs::exists(folder / "a.png"));
    CHECK(run(search + " --output " + folder / "a.png --data " + pictures / "after").status == 0);
    CHECK_THAT(run(search + " --output " + folder / "a.png --data " + pictures / "after").output,
               has_text("exists"));
}

TEST_CASE("what cannot become an index is refused before the work") {
    const Folder pictures, files, folder;
    write_pictures(pictures);
    test::write_bytes(files / "file", "a file");
    const std::string data = " --data " + pictures.path().string();
    const auto refused = [&](const std::string& arguments, const std::string& words) {
        const Outcome outcome = run("index " + arguments);
        check_refused(outcome, words, folder);
    };
    const std::string output = " --output " + folder / "index";
    refused(output, "--data");
    refused(data, "--output");
    refused("--data " + files / "none" + output, "no such folder");
    refused("--data " + files.path().string() + output, "no pictures here");
    refused(data + " --output " + files / "file", "is a file");
    refused(data + " --output " + files.path().string(), "has other files in it");
    refused(data + output + " --kind scann", "scann");
    refused(data + output + " --nlist 4", "--kind ivf");
    refused(data + output + " --kind ivf --nlist 0", "--nlist");
    refused(data + output + " --kind ivf --nlist 1000", "1000 cells (nlist)");
    refused(data + output + " --kind ivf --nlist 4 --nprobe 5", "5 cells are to be searched");
    refused(data + output + " --kind ivf --nprobe 14", "14 cells are to be searched (nprobe)");
    refused(data + output + " --seed -1", "--seed");
    refused(data + output + " --model " + files.path().string(), "config.json");
}

TEST_CASE("an index is replaced only where that was asked for, and searched only as it can be") {
    const Folder pictures, files, folder;
    write_pictures(pictures);
    const std::string index = files / "index";
    const std::string make = "index --data " + pictures.path().string() + " --output " + index;
    REQUIRE(run(make + " --kind ivf").status == 0);
    CHECK_THAT(run(make).output, has_text("give --overwrite"));
    CHECK(fs::exists(fs::path(index) / "searcher.faiss"));

    const auto refused = [&](const std::string& arguments, const std::string& words) {
        check_refused(run("search --output " + folder / "a.png " + arguments), words, folder);
    };
    const std::string search = "--index " + index;
    refused(search, "give --prompt or --image");
    refused(search + " --prompt cat --image " + pictures / "metadata.jsonl", "excludes");
    refused("--prompt cat", "--index");
    refused("--index " + files.path().string() + " --prompt cat", "no index of pictures");
    refused("--index " + files / "none" + " --prompt cat", "no index of pictures");
    refused(search + " --prompt cat -k 1000", "more than the");
    refused(search + " --prompt cat -k 0", "--neighbours");
    refused(search + " --prompt cat --nprobe 1000", "3 cells");
    refused(search + " --image " + pictures / "metadata.jsonl", "no PNG, JPEG or BMP");
    refused(search + " --image " + pictures / "none.png", "none.png");
    refused(search + " --prompt cat --model " + pictures.path().string(), "config.json");
    CHECK_THAT(run("search --prompt cat --output " + folder / "a.gif " + search).output,
               has_text(".png or .svg"));

    // another CLIP
    const fs::path model = files / "other";
    fs::create_directory(model);
    for (const char* name : {"config.json", "model.safetensors", "merges.txt"})
        fs::copy_file(nn::shipped_model() / name, model / name);
    io::Json config = io::read_json(model / "config.json");
    config["cond_stage_config"]["image_mean"] = {0.5, 0.5, 0.5};
    io::write_json(model / "config.json", config);
    refused(search + " --prompt cat --model " + model.string(), "made by the CLIP of 'emoji'");

    REQUIRE(run(make + " --overwrite").status == 0);
    CHECK(!fs::exists(fs::path(index) / "searcher.faiss"));
    refused(search + " --prompt cat --nprobe 2", "no cells");
    fs::resize_file(fs::path(index) / "embeddings.safetensors", 300);
    refused(search + " --prompt cat", "embeddings.safetensors: damaged, cut short");
}
