#include "common/nn/params.h"

#include <numeric>

#include "common/io/safetensors.h"
#include "common/nn/nearest_name.h"
#include "common/nn/recipe.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"

using namespace ldm;
using test::close;
using test::has_text;
using test::noise;

TEST_CASE("params: a prefix of the checkpoint gives the weights below it") {
    nn::Checkpoint checkpoint;
    const Tensor weight = noise({2, 3}, 1);
    checkpoint.add("in_layers.2.weight", weight);
    const nn::Params conv = checkpoint.root() / "in_layers" / 2;
    CHECK(conv.path() == "in_layers.2");
    CHECK(conv.contains("weight"));
    CHECK_FALSE(conv.contains("bias"));
    CHECK(close(conv.get("weight", {2, 3}), weight, 0.0) == "");
    CHECK_NOTHROW(checkpoint.check("model"));
}

TEST_CASE("params: everything that is missing or has another shape is told in one message") {
    nn::Checkpoint checkpoint;
    checkpoint.add("block.weigth", noise({2}, 1));
    checkpoint.add("block.bias", noise({3}, 2));
    const nn::Params block = checkpoint.root() / "block";
    CHECK(block.get("weight", {2}).shape() == Shape{2});
    CHECK(block.get("bias", {2}).shape() == Shape{2});
    CHECK_THROWS_WITH(checkpoint.check("model.safetensors"),
                      has_text("model.safetensors") && has_text("'block.weight'") &&
                          has_text("nearest: 'block.weigth'") &&
                          has_text("'block.bias' is [3], expected [2]"));
}

TEST_CASE("params: who asked for what is known") {
    nn::Checkpoint checkpoint;
    checkpoint.add("unet.conv.weight", noise({4}, 1));
    checkpoint.add("unet.norm.weight", noise({5}, 2));
    checkpoint.add("vae.conv.weight", noise({6}, 3));
    static_cast<void>((checkpoint.root() / "unet" / "conv").get("weight", {4}));
    CHECK(checkpoint.unused() == std::vector<std::string>{"unet.norm.weight", "vae.conv.weight"});
    CHECK(checkpoint.unused("unet.") == std::vector<std::string>{"unet.norm.weight"});
    CHECK(checkpoint.count("unet.") == std::pair<std::size_t, std::size_t>(2, 9));
    CHECK(checkpoint.asked().contains("unet.conv.weight"));
    CHECK(checkpoint.load_all().size() == 3);
    CHECK(checkpoint.unused().empty());
}

TEST_CASE("params: weights go over to another checkpoint under other names, and to other shapes") {
    nn::Checkpoint from, to;
    const Tensor weight = noise({2, 2, 1, 1}, 1);
    from.add("attn.proj.weight", weight);
    from.move_to(to, [](const std::string& name) { return "block." + name; });
    CHECK(from.names().empty());
    to.reshape("block.attn.proj.weight", [](const Shape& shape) {
        return Shape{shape[0], shape[1]};
    });
    CHECK(close((to.root() / "block").get("attn.proj.weight", {2, 2}), weight.reshape({2, 2}),
                0.0) == "");
}

TEST_CASE("params: a fallback stands in, and nothing is loaded to see whether all is there") {
    nn::Checkpoint checkpoint;
    checkpoint.add_fallback(
        [](const std::string&, const Shape& shape) { return Tensor::full(shape, 7.0f); });
    CHECK(checkpoint.root().get("anything", {2}).values()[1] == 7.0f);

    nn::Checkpoint headers_only;
    headers_only.add("weight", {2}, []() -> Tensor { throw Error("it was loaded"); });
    headers_only.load_nothing();
    CHECK(headers_only.root().get("weight", {2}).shape() == Shape{2});
}

TEST_CASE("params: 16-bit files hand out the float32 numbers nearest to theirs") {
    test::TemporaryFolder folder;
    const std::vector<std::uint16_t> halves = {0x3C00, 0xC000, 0x3555};
    io::TensorEntry entry{.name = "w",
                          .dtype = io::DType::f16,
                          .shape = {3},
                          .bytes = std::as_bytes(std::span(halves))};
    io::write_safetensors(folder / "w.safetensors", std::span(&entry, 1));
    nn::Checkpoint checkpoint;
    checkpoint.add(io::open_safetensors(folder / "w.safetensors"));
    CHECK(close(checkpoint.root().get("w", {3}), Tensor::from({3}, {1.0f, -2.0f, 0.33325195f}),
                0.0) == "");
}

TEST_CASE("params: 8-bit floats are handed out exactly, frozen ones in 16 bits") {
    test::TemporaryFolder folder;
    std::vector<std::uint8_t> bytes(120);
    std::iota(bytes.begin(), bytes.end(), 0);
    for (const io::DType dtype : {io::DType::f8_e4m3, io::DType::f8_e5m2}) {
        const io::TensorEntry entry{"w", dtype, {10, 12}, std::as_bytes(std::span(bytes))};
        io::write_safetensors(folder / "w.safetensors", std::span(&entry, 1));
        nn::Checkpoint checkpoint;
        checkpoint.add(io::open_safetensors(folder / "w.safetensors"));
        const Tensor expected = Tensor::from({10, 12}, io::read_floats(entry));
        CHECK(close(checkpoint.root().get("w", {10, 12}), expected, 0.0) == "");

        checkpoint.freeze();
        const nn::Weight frozen = checkpoint.root().weight("w", {10, 12});
        CHECK(frozen.is_frozen());
        const Tensor x = noise({3, 12}, 1);
        CHECK(close(frozen.linear(x, {}), ops::linear(x, expected, {}), 0.0) == "");
    }
}

TEST_CASE("a recipe computes weights from their names, or says what is wrong with it") {
    nn::Checkpoint first, second, other;
    const auto recipe = [](const char* name) {
        return io::Json{{"name", name},
                        {"seed", 5},
                        {"tensors",
                         {{{"name", "a"}, {"shape", {2, 3}}, {"mean", 1.0}, {"std", 0.0}},
                          {{"name", "b"}, {"shape", {2}}, {"values", {3, 4}}},
                          {{"name", "c"}, {"shape", {64}}, {"mean", 0.0}, {"std", 1.0}}}}};
    };
    nn::add_recipe(first, recipe("procgen-v1"));
    nn::add_recipe(second, recipe("procgen-v1"));
    CHECK(close(first.root().get("a", {2, 3}), Tensor::full({2, 3}, 1.0f), 0.0) == "");
    CHECK(close(first.root().get("b", {2}), Tensor::from({2}, {3, 4}), 0.0) == "");
    CHECK(close(first.root().get("c", {64}), second.root().get("c", {64}), 0.0) == "");
    CHECK_THROWS_WITH(nn::add_recipe(other, recipe("procgen-v9")), has_text("procgen-v9"));
    io::Json short_of_one = recipe("procgen-v1");
    short_of_one["tensors"][1]["values"] = {3};
    CHECK_THROWS_WITH(nn::add_recipe(other, short_of_one), has_text("1 values") && has_text("'b'"));
}

TEST_CASE("the nearest names are those with the fewest letters to change") {
    CHECK(nn::edit_distance("", "") == 0);
    CHECK(nn::edit_distance("kitten", "sitting") == 3);
    CHECK(nn::edit_distance("", "abc") == 3);
    CHECK(nn::nearest_names("norm1.weight", {"norm2.weight", "conv.weight", "norm11.weight"}) ==
          ", nearest: 'norm11.weight', 'norm2.weight'");
    CHECK(nn::nearest_names("norm1.weight", {"x"}) == "");
    // one of 50 megabytes is not compared letter by letter; control characters are shown as escapes
    CHECK(nn::nearest_names("norm1.weight", {std::string(50'000'000, 'n'), "norm1.weigh\x1B"}) ==
          ", nearest: 'norm1.weigh\\x1B'");
}
