// Models in folders of this project: their parts may lie in one folder or in several.

#include "common/nn/model_source.h"

#include "common/io/atomic_file.h"
#include "common/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::has_text;
namespace fs = std::filesystem;

namespace {

void write_model(const fs::path& folder, const io::Json& config,
                 const std::vector<std::pair<std::string, Tensor>>& weights) {
    fs::create_directories(folder);
    std::vector<io::TensorEntry> entries;
    for (const auto& [name, weight] : weights)
        entries.push_back(io::entry_of(name, weight.shape(), weight.values()));
    io::write_safetensors(folder / "model.safetensors", entries);
    io::Json all = {{"format", "ldm-model v1"}};
    all.update(config);
    io::write_json(folder / "config.json", all);
}

}  // namespace

TEST_CASE("a model takes the parts that its ckpt_paths name from other folders") {
    const test::TemporaryFolder folder;
    const Tensor a = test::noise({2, 3}, 1), b = test::noise({4}, 2), c = test::noise({3}, 3);
    write_model(folder / "whole", io::Json::object(), {{"first_stage_model.x", a}, {"model.x", b}});
    write_model(folder / "part", {{"ckpt_paths", {{"first_stage_model", "../whole"}}}},
                {{"model.x", c}});
    const nn::ModelSource model = nn::open_folder(folder / "part");
    CHECK(model.weight_files().size() == 2);
    CHECK(model.checkpoint().names() == std::vector<std::string>{"first_stage_model.x", "model.x"});
    CHECK(test::close(model.weights("first_stage_model").get("x", {2, 3}), a, 0) == "");
    CHECK(test::close(model.weights("model").get("x", {3}), c, 0) == "");
}

TEST_CASE("ckpt_paths that lead nowhere are refused in a sentence") {
    const test::TemporaryFolder folder;
    const Tensor x = test::noise({2}, 1);
    write_model(folder / "whole", io::Json::object(), {{"model.x", x}});
    const auto open = [&](const io::Json& paths) {
        write_model(folder / "part", {{"ckpt_paths", paths}}, {{"model.y", x}});
        return nn::open_folder(folder / "part");
    };
    CHECK_THROWS_WITH(open({{"first_stage_model", "../elsewhere"}}), has_text("elsewhere"));
    CHECK_THROWS_WITH(open({{"first_stage_model", "../whole"}}),
                      has_text("has no 'first_stage_model'"));
    CHECK_THROWS_WITH(open({{"first_stage_model", 3}}), has_text("must name a folder"));
    CHECK_THROWS_WITH(open(7), has_text("'ckpt_paths'"));
    // named twice
    CHECK_NOTHROW(open({{"model", "../whole"}}));
    write_model(folder / "part", {{"ckpt_paths", {{"model", "../whole"}}}}, {{"model.x", x}});
    CHECK_THROWS_WITH(nn::open_folder(folder / "part"), has_text("model.x"));
}
