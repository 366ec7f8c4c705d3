// The files that people have: each layout, small, opened by open_model. Every one of them has to be
// known as Stable Diffusion 1.x and to hand out every number of its weights.

#include <filesystem>
#include <map>
#include <numeric>

#include "chapters/08_ldm_pipeline/diffusers_weights.h"
#include "chapters/08_ldm_pipeline/inspect.h"
#include "chapters/08_ldm_pipeline/open_model.h"
#include "chapters/08_ldm_pipeline/single_file_names.h"
#include "common/io/atomic_file.h"
#include "common/io/half.h"
#include "common/io/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_checks.h"
#include "tests/support/tiny_decoder.h"
#include "tests/support/torch_writer.h"

using namespace ldm;
using namespace ldm::pipeline;
using ldm::test::has_text;
using ldm::test::torch_old;
using ldm::test::torch_zip;
using Entries = std::vector<io::TensorEntry>;
namespace fs = std::filesystem;
namespace pickled = ldm::test::pickled;

namespace {

struct Named {
    std::string compvis, diffusers;
    Shape shape;
};
const Named unet_weights[] = {
    {"model.diffusion_model.input_blocks.0.0.weight", "conv_in.weight", {2, 4, 1, 1}},
    {"model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
     "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
     {2, 768}},
    {"model.diffusion_model.time_embed.0.bias", "time_embedding.linear_1.bias", {5}}};
const Named vae_weights[] = {
    {"first_stage_model.decoder.conv_in.weight", "decoder.conv_in.weight", {2, 4, 1, 1}},
    {"first_stage_model.decoder.mid.attn_1.norm.bias",
     "decoder.mid_block.attentions.0.group_norm.bias",
     {3}}};
const Named text_weights[] = {{"cond_stage_model.transformer.text_model.final_layer_norm.weight",
                               "text_model.final_layer_norm.weight",
                               {3}}};

/// Weights of a small model, by CompVis's names, all in one type.
class SmallModel {
public:
    explicit SmallModel(io::DType dtype = io::DType::f16) : dtype_(dtype) {
        // of 1 byte or 2, the numbers of every type are finite
        bytes_.resize(4096 * 4);
        for (std::size_t i = 0; i < bytes_.size(); ++i)
            bytes_[i] = static_cast<std::byte>(io::size_of(dtype) == 1 ? i % 120 : i * 7 % 100);
        for (const auto& weights :
             {std::span<const Named>(unet_weights), std::span<const Named>(vae_weights),
              std::span<const Named>(text_weights)})
            for (const Named& weight : weights) {
                const auto length =
                    static_cast<std::size_t>(element_count(weight.shape)) * io::size_of(dtype_);
                const std::size_t begin = all_.size() * 8;
                all_.push_back({weight.compvis, dtype_, weight.shape,
                                std::span(bytes_).subspan(begin, length)});
            }
    }
    SmallModel(const SmallModel&) = delete;
    SmallModel& operator=(const SmallModel&) = delete;

    const Entries& all() const { return all_; }

    /// With other names; those that become empty are left out.
    Entries named(const std::function<std::string(const std::string&)>& new_name) const {
        Entries entries;
        for (io::TensorEntry entry : all_)
            if (std::string name = new_name(entry.name); !name.empty()) {
                entry.name = std::move(name);
                entries.push_back(std::move(entry));
            }
        return entries;
    }

    /// One part by diffusers' names.
    Entries part(std::span<const Named> weights) const {
        return named([&](const std::string& compvis) -> std::string {
            for (const Named& weight : weights)
                if (weight.compvis == compvis) return weight.diffusers;
            return "";
        });
    }

    /// Whether `path` opens as this model; says what is wrong.
    std::string difference(const fs::path& path) const {
        const OpenedModel model = open_model(path);
        if (!model.spec.problems.empty()) return model.spec.problems.front();
        if (model.spec.family != "Stable Diffusion 1.x") return model.spec.family;
        for (const io::TensorEntry& entry : all_) {
            const Tensor got = model.source.weights().get(entry.name, entry.shape);
            const Tensor expected = Tensor::from(entry.shape, io::read_floats(entry));
            if (const std::string wrong = test::close(got, expected, 0.0); !wrong.empty())
                return entry.name + ": " + wrong;
        }
        model.source.check();
        return "";
    }

private:
    io::DType dtype_;
    std::vector<std::byte> bytes_;
    Entries all_;
};

/// A diffusers folder without weights.
void make_folder(const fs::path& folder) {
    for (const char* part : {"unet", "vae", "text_encoder", "scheduler"})
        fs::create_directories(folder / part);
    io::write_json(folder / "model_index.json", {{"_class_name", "StableDiffusionPipeline"}});
    io::write_json(folder / "unet/config.json", {{"in_channels", 4}, {"cross_attention_dim", 768}});
}

void write_vae_and_text(const fs::path& folder, const SmallModel& model) {
    io::write_safetensors(folder / "vae/diffusion_pytorch_model.safetensors",
                          model.part(vae_weights));
    io::write_safetensors(folder / "text_encoder/model.safetensors", model.part(text_weights));
}

/// {"weight_map": {name: file}}
void write_index(const fs::path& path, const std::vector<std::pair<std::string, Entries>>& files) {
    io::Json map = io::Json::object();
    for (const auto& [file, entries] : files)
        for (const io::TensorEntry& entry : entries) map[entry.name] = file;
    io::write_json(path, {{"metadata", {{"total_size", 1}}}, {"weight_map", map}});
}

}  // namespace

TEST_CASE("layouts: a single file in every type and format") {
    using enum io::DType;
    const test::TemporaryFolder folder;
    for (const io::DType dtype : {f32, f16, bf16, f8_e4m3, f8_e5m2}) {
        INFO(io::name_of(dtype));
        const SmallModel model(dtype);
        io::write_safetensors(folder / "m.safetensors", model.all());
        io::write_text_file(folder / "zip.ckpt", torch_zip(model.all()));
        io::write_text_file(folder / "old.ckpt", torch_old(model.all()));
        for (const char* file : {"m.safetensors", "zip.ckpt", "old.ckpt"}) {
            INFO(file);
            CHECK(model.difference(folder / file) == "");
            CHECK_THAT(inspect(folder / file).text, has_text(std::string(io::name_of(dtype))));
        }
    }
    CHECK_THAT(inspect(folder / "m.safetensors").text, has_text(", safetensors"));
    CHECK_THAT(inspect(folder / "zip.ckpt").text, has_text(", PyTorch checkpoint\n"));
    CHECK_THAT(inspect(folder / "old.ckpt").text, has_text("PyTorch checkpoint of the old format"));
}

TEST_CASE("layouts: OpenCLIP's text tower gets the names of transformers, its matrices apart") {
    const std::string theirs = "cond_stage_model.model.",
                      ours = "cond_stage_model.transformer.text_model.";
    std::vector<float> numbers(64);
    std::iota(numbers.begin(), numbers.end(), 1.0f);
    const auto entry = [&](const std::string& name, std::vector<std::int64_t> shape) {
        const auto count = static_cast<std::size_t>(element_count(Shape(shape)));
        return io::entry_of(theirs + name, std::move(shape), std::span(numbers).first(count));
    };
    const std::string layer = "transformer.resblocks.3.", ours_of_layer = "encoder.layers.3.";
    const std::map<std::string, std::string> names = {
        {"token_embedding.weight", "embeddings.token_embedding.weight"},
        {"positional_embedding", "embeddings.position_embedding.weight"},
        {"ln_final.bias", "final_layer_norm.bias"},
        {layer + "ln_1.weight", ours_of_layer + "layer_norm1.weight"},
        {layer + "ln_2.bias", ours_of_layer + "layer_norm2.bias"},
        {layer + "attn.out_proj.weight", ours_of_layer + "self_attn.out_proj.weight"},
        {layer + "mlp.c_fc.weight", ours_of_layer + "mlp.fc1.weight"},
        {layer + "mlp.c_proj.bias", ours_of_layer + "mlp.fc2.bias"}};
    Entries entries = {entry(layer + "attn.in_proj_weight", {6, 2}),
                       entry(layer + "attn.in_proj_bias", {6})};
    for (const auto& [name, expected] : names) entries.push_back(entry(name, {2}));
    const test::TemporaryFolder folder;
    io::write_safetensors(folder / "m.safetensors", entries);

    const auto file = with_compvis_names(io::open_tensor_file(folder / "m.safetensors"));
    CHECK(file.entries().size() == names.size() + 6);
    for (const auto& [name, expected] : names)
        CHECK(io::read_floats(file.at(ours + expected)) == std::vector<float>{1, 2});
    const auto part = [&](const std::string& name) {
        const io::TensorEntry& found = file.at(ours + ours_of_layer + "self_attn." + name);
        CHECK(found.shape.front() == 2);
        return io::read_floats(found);
    };
    CHECK(part("q_proj.weight") == std::vector<float>{1, 2, 3, 4});
    CHECK(part("k_proj.weight") == std::vector<float>{5, 6, 7, 8});
    CHECK(part("v_proj.weight") == std::vector<float>{9, 10, 11, 12});
    CHECK(part("q_proj.bias") == std::vector<float>{1, 2});
    CHECK(part("k_proj.bias") == std::vector<float>{3, 4});
    CHECK(part("v_proj.bias") == std::vector<float>{5, 6});
}

TEST_CASE("layouts: what a file says its UNet predicts") {
    const test::TemporaryFolder folder;
    const SmallModel model;
    const auto opened = [&](const Entries& entries,
                            const std::map<std::string, std::string>& metadata) {
        io::write_safetensors(folder / "m.safetensors", entries, metadata);
        return open_model(folder / "m.safetensors").spec;
    };
    using enum ddpm::Parameterization;
    const std::string key = "modelspec.prediction_type";
    CHECK(opened(model.all(), {}).schedule.parameterization == eps);
    CHECK(opened(model.all(), {{key, "epsilon"}}).schedule.parameterization == eps);
    CHECK(opened(model.all(), {{key, "v"}}).schedule.parameterization == v);
    CHECK_THROWS_WITH(opened(model.all(), {{key, "rectified flow"}}),
                      has_text("predicts 'rectified flow', expected epsilon or v"));
    Entries marked = model.all();
    const std::vector<float> nothing;
    marked.push_back(io::entry_of("v_pred", {0}, nothing));
    CHECK(opened(marked, {}).schedule.parameterization == v);
    CHECK(opened(marked, {}).image_size == 512);
}

TEST_CASE("layouts: a checkpoint of Lightning, and names that begin with state_dict.") {
    const test::TemporaryFolder folder;
    const SmallModel model;
    const std::string object = pickled::dictionary(
        pickled::string("epoch") + pickled::integer(3) + pickled::string("state_dict") +
        pickled::tensors(model.all()) + pickled::string("callbacks") +
        pickled::dictionary(pickled::global("pytorch_lightning.callbacks", "X") + "}"));
    io::write_text_file(folder / "zip.ckpt", torch_zip(object, test::storages_of(model.all())));
    io::write_text_file(folder / "old.ckpt", torch_old(object, test::storages_of(model.all()), 2));
    CHECK(model.difference(folder / "zip.ckpt") == "");
    CHECK(model.difference(folder / "old.ckpt") == "");

    io::write_safetensors(folder / "m.safetensors", model.named([](const std::string& name) {
        return "state_dict." + name;
    }));
    CHECK(model.difference(folder / "m.safetensors") == "");
}

TEST_CASE("layouts: averaged weights stand in for a UNet that is not there, and only then") {
    const test::TemporaryFolder folder;
    const auto averaged = [](const std::string& name) {
        if (!name.starts_with("model.")) return name;
        std::string short_name = name.substr(6);
        std::erase(short_name, '.');
        return "model_ema." + short_name;
    };
    const SmallModel model;
    io::write_safetensors(folder / "ema.safetensors", model.named(averaged));
    CHECK(model.difference(folder / "ema.safetensors") == "");
    io::write_text_file(folder / "ema.ckpt", torch_zip(model.named([&](const std::string& name) {
                            return "state_dict." + averaged(name);
                        })));
    CHECK(model.difference(folder / "ema.ckpt") == "");

    // both: the weights themselves are used, the averages have other numbers
    const SmallModel others(io::DType::f8_e5m2);
    Entries both = model.all();
    for (const io::TensorEntry& entry : others.named([&](const std::string& name) {
             return name.starts_with("model.") ? averaged(name) : std::string();
         }))
        both.push_back(entry);
    io::write_safetensors(folder / "both.safetensors", both);
    CHECK(model.difference(folder / "both.safetensors") == "");
    CHECK_THAT(inspect(folder / "both.safetensors").text, has_text("EMA copy of the UNet"));
}

TEST_CASE("layouts: a diffusers folder with .bin files, variants, and 8-bit floats") {
    const SmallModel model(GENERATE(io::DType::f16, io::DType::f8_e4m3));
    const test::TemporaryFolder folder;
    make_folder(folder.path());
    const auto unet = model.part(unet_weights);
    SECTION(".bin, of both formats") {
        io::write_text_file(folder / "unet/diffusion_pytorch_model.bin", torch_zip(unet));
        io::write_text_file(folder / "vae/diffusion_pytorch_model.bin",
                            torch_old(model.part(vae_weights)));
        io::write_text_file(folder / "text_encoder/pytorch_model.bin",
                            torch_zip(model.part(text_weights)));
        CHECK(model.difference(folder.path()) == "");
        CHECK_THAT(inspect(folder.path()).text,
                   has_text("3 files: PyTorch checkpoint, PyTorch checkpoint of the old format"));
    }
    SECTION("a variant, where there is no other") {
        write_vae_and_text(folder.path(), model);
        io::write_safetensors(folder / "unet/diffusion_pytorch_model.fp16.safetensors", unet);
        io::write_text_file(folder / "unet/diffusion_pytorch_model.non_ema.safetensors", "no");
        CHECK(model.difference(folder.path()) == "");
        // what is no variant comes first, safetensors before .bin
        fs::rename(folder / "unet/diffusion_pytorch_model.fp16.safetensors",
                   folder / "unet/diffusion_pytorch_model.safetensors");
        io::write_text_file(folder / "unet/diffusion_pytorch_model.fp16.safetensors", "no");
        io::write_text_file(folder / "unet/diffusion_pytorch_model.bin", "no");
        CHECK(model.difference(folder.path()) == "");
    }
    SECTION("variants of which none is known") {
        write_vae_and_text(folder.path(), model);
        io::write_safetensors(folder / "unet/diffusion_pytorch_model.non_ema.safetensors", unet);
        CHECK(model.difference(folder.path()) == "");
        io::write_safetensors(folder / "unet/diffusion_pytorch_model.other.safetensors", unet);
        CHECK(model.difference(folder.path()) ==
              "its unet/ has only variants, of which one has to stay: "
              "diffusion_pytorch_model.non_ema.safetensors, "
              "diffusion_pytorch_model.other.safetensors");
    }
}

TEST_CASE("layouts: weights in several files, and an index that names them") {
    const SmallModel model;
    const test::TemporaryFolder folder;
    make_folder(folder.path());
    write_vae_and_text(folder.path(), model);
    const Entries unet = model.part(unet_weights), first{unet[0]}, rest{unet[1], unet[2]};
    const std::string stem = "diffusion_pytorch_model";
    const auto at = [&](const std::string& name) { return folder / ("unet/" + name); };
    const std::string one = stem + "-00001-of-00002.safetensors",
                      two = stem + "-00002-of-00002.safetensors";
    SECTION("safetensors") {
        io::write_safetensors(at(one), first);
        write_index(at(stem + ".safetensors.index.json"), {{one, first}, {two, rest}});
        CHECK(model.difference(folder.path()) ==
              "its unet/ lacks " + two + ", which " + stem + ".safetensors.index.json names");
        io::write_safetensors(at(two), rest);
        CHECK(model.difference(folder.path()) == "");
        CHECK_THAT(inspect(folder.path()).text, has_text("4 files: safetensors"));
        // a weight that two files have
        io::write_safetensors(at(two), unet);
        CHECK_THAT(model.difference(folder.path()), has_text("two tensors are called"));
    }
    SECTION(".bin, and a variant") {
        const std::string variant = stem + ".fp16-00001-of-00001.bin";
        io::write_text_file(at(variant), torch_zip(unet));
        write_index(at(stem + ".bin.index.fp16.json"), {{variant, unet}});
        CHECK(model.difference(folder.path()) == "");
    }
    SECTION("an index that is none, or names what is elsewhere") {
        const auto index = at(stem + ".safetensors.index.json");
        io::write_json(index, io::Json::object());
        CHECK_THAT(model.difference(folder.path()), has_text("missing key 'weight_map'"));
        io::write_json(index, {{"weight_map", io::Json::object()}});
        CHECK_THAT(model.difference(folder.path()), has_text("'weight_map' has no files"));
        io::write_json(index, {{"weight_map", {{"w", 5}}}});
        CHECK_THAT(model.difference(folder.path()), has_text("index.json: "));
        for (const char* name :
             {"../vae/diffusion_pytorch_model.safetensors", "/etc/passwd", "..", ""}) {
            io::write_json(index, {{"weight_map", {{"w", name}}}});
            CHECK_THAT(model.difference(folder.path()), has_text("is no file beside it"));
        }
    }
    SECTION("pointers of Git LFS, whole and in parts") {
        const char* pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n";
        io::write_text_file(at(stem + ".safetensors"), pointer);
        CHECK_THAT(model.difference(folder.path()),
                   has_text("unet/" + stem + ".safetensors: only a pointer to the file") &&
                       has_text("git lfs pull"));
        fs::remove(at(stem + ".safetensors"));
        io::write_safetensors(at(one), first);
        io::write_text_file(at(two), pointer);
        write_index(at(stem + ".safetensors.index.json"), {{one, first}, {two, rest}});
        CHECK_THAT(model.difference(folder.path()), has_text(two + ": only a pointer"));
    }
    SECTION("nothing at all") {
        CHECK(model.difference(folder.path()) ==
              "its unet/ has no diffusion_pytorch_model.safetensors (nor .bin)");
    }
}

TEST_CASE("layouts: a separate autoencoder, by whatever names, replaces the model's own") {
    const test::TemporaryFolder folder;
    // other numbers of the same kind
    const SmallModel model, other(io::DType::bf16);
    const auto only_vae = [&](const SmallModel& source, std::size_t cut) {
        return source.named([&](const std::string& name) {
            return name.starts_with("first_stage_model.") ? name.substr(cut) : std::string();
        });
    };
    const auto check = [&](const fs::path& path, const fs::path& vae) {
        const OpenedModel opened = open_model(path, vae);
        REQUIRE(opened.spec.problems.empty());
        for (const io::TensorEntry& entry : other.all()) {
            const bool replaced = entry.name.starts_with("first_stage_model.");
            const auto& all = replaced ? other.all() : model.all();
            const auto found = std::ranges::find(all, entry.name, &io::TensorEntry::name);
            const Tensor got = opened.source.weights().get(entry.name, entry.shape);
            CHECK(test::close(got, Tensor::from(entry.shape, io::read_floats(*found)), 0.0) == "");
        }
    };
    const auto path = folder / "m.safetensors", vae = folder / "vae.safetensors";
    io::write_safetensors(path, model.all());
    SECTION("CompVis's names, with the prefix and without") {
        for (const std::size_t cut : {std::size_t{0}, std::string("first_stage_model.").size()}) {
            Entries entries = only_vae(other, cut);
            io::TensorEntry loss = entries.front();
            loss.name = "loss.logvar";
            entries.push_back(loss);
            io::write_safetensors(vae, entries);
            check(path, vae);
            io::write_text_file(folder / "vae.pt", torch_zip(entries));
            check(path, folder / "vae.pt");
        }
    }
    SECTION("diffusers' names, in a file and in a folder with a factor") {
        io::write_safetensors(vae, other.part(vae_weights));
        check(path, vae);
        fs::create_directories(folder / "d/vae");
        io::write_safetensors(folder / "d/vae/diffusion_pytorch_model.safetensors",
                              other.part(vae_weights));
        io::write_json(folder / "d/vae/config.json", {{"scaling_factor", 0.5}});
        check(path, folder / "d");
        check(path, folder / "d/vae");
        CHECK(open_model(path, folder / "d").spec.scale_factor == 0.5f);
    }
    SECTION("a model without one") {
        io::write_safetensors(vae, only_vae(other, 0));
        io::write_safetensors(path, model.named([](const std::string& name) {
            return name.starts_with("first_stage_model.") ? "" : name;
        }));
        CHECK_FALSE(open_model(path).spec.problems.empty());
        check(path, vae);
    }
    SECTION("what is none, or another kind") {
        CHECK_THROWS_WITH(open_model(path, folder / "none"), has_text("no such file"));
        io::write_safetensors(vae, model.part(text_weights));
        CHECK_THROWS_WITH(open_model(path, vae), has_text("is no autoencoder (VAE)"));
        const std::vector<float> numbers(32);
        io::write_safetensors(
            vae, Entries{io::entry_of("decoder.conv_in.weight", {2, 16, 1, 1}, numbers)});
        CHECK_THROWS_WITH(open_model(path, vae),
                          has_text("its latents have 16 channels, this model's have 4"));
    }
}

TEST_CASE("layouts: a vocabulary in tokenizer.json alone, and none") {
    const SmallModel model;
    const test::TemporaryFolder folder;
    make_folder(folder.path());
    write_vae_and_text(folder.path(), model);
    io::write_safetensors(folder / "unet/diffusion_pytorch_model.safetensors",
                          model.part(unet_weights));
    // CLIP's own
    const text::ClipTokenizer clip = open_model(folder.path()).source.tokenizer();
    CHECK(clip.vocabulary_size() == 49408);

    // another: 256 units, the same at the end of a word, one merge, the two markers
    const text::ClipTokenizer small({{{"c", "a"}}});
    io::Json vocabulary = io::Json::object();
    for (int id = 0; id < small.vocabulary_size(); ++id) vocabulary[small.token(id)] = id;
    fs::create_directories(folder / "tokenizer");
    io::write_json(folder / "tokenizer/tokenizer.json", {{"model",
                                                          {{"type", "BPE"},
                                                           {"end_of_word_suffix", "</w>"},
                                                           {"vocab", vocabulary},
                                                           {"merges", {"c a"}}}}});
    const nn::ModelSource source = open_model(folder.path()).source;
    CHECK(source.tokenizer().vocabulary_size() == small.vocabulary_size());
    CHECK(source.tokenizer().tokenize("cat") == small.tokenize("cat"));
    CHECK(source.merges_text() == "#version: 0.2\nc a\n");
    CHECK(model.difference(folder.path()) == "");
}

TEST_CASE("layouts: a folder of the Hugging Face cache is the version that it says is current") {
    const SmallModel model;
    const test::TemporaryFolder cache;
    const auto make_version = [&](const std::string& hash, bool with_unet) {
        const auto folder = cache / ("snapshots/" + hash);
        make_folder(folder);
        write_vae_and_text(folder, model);
        if (with_unet)
            io::write_safetensors(folder / "unet/diffusion_pytorch_model.safetensors",
                                  model.part(unet_weights));
    };
    make_version("0a1b", true);
    CHECK(model.difference(cache.path()) == "");
    make_version("2c3d", false);
    CHECK_THROWS_WITH(open_model(cache.path()), has_text("2 versions") && has_text("snapshots/"));
    fs::create_directories(cache / "refs");
    io::write_text_file(cache / "refs/main", "0a1b");
    CHECK(model.difference(cache.path()) == "");
    io::write_text_file(cache / "refs/main", "2c3d\n");
    CHECK_THAT(model.difference(cache.path()), has_text("its unet/ has no"));
    for (const char* elsewhere : {"../snapshots/0a1b", "", "\n0a1b", "ffff"}) {
        io::write_text_file(cache / "refs/main", elsewhere);
        CHECK_THROWS_WITH(open_model(cache.path()), has_text("names none of them"));
    }
}

TEST_CASE("layouts: TAESD's decoder, by upstream's names and by diffusers'") {
    const auto shapes = test::tiny_decoder_shapes();
    CHECK(shapes.size() == 67);
    CHECK(shapes.at("1.weight") == Shape{64, 4, 3, 3});
    CHECK(shapes.at("18.conv.4.bias") == Shape{64});
    CHECK(shapes.at("19.weight") == Shape{3, 64, 3, 3});

    const test::TemporaryFolder folder;
    const auto path = folder / "taesd.safetensors";
    const Tensor z = test::noise({1, 4, 2, 3}, 2);
    const auto drawn = [&] { return (*open_tiny_decoder(path, 4, Device::cpu))(z); };
    test::write_tiny_decoder(
        path, [](int layer, const std::string& rest) { return std::to_string(layer) + rest; });
    const Tensor expected = drawn();
    CHECK(expected.shape() == Shape{1, 3, 16, 24});
    test::write_tiny_decoder(path, [](int layer, const std::string& rest) {
        return "decoder." + std::to_string(layer) + rest;
    });
    CHECK(test::close(drawn(), expected, 0.0) == "");
    const auto of_diffusers = [](int layer, const std::string& rest) {
        return "decoder.layers." + std::to_string(layer - 1) + rest;
    };
    test::write_tiny_decoder(path, of_diffusers, {"encoder.layers.0.bias"});
    CHECK(test::close(drawn(), expected, 0.0) == "");

    CHECK_THROWS_WITH(open_tiny_decoder(path, 16, Device::cpu), has_text("latents of 4 channels"));
    test::write_tiny_decoder(path, of_diffusers, {}, "8.conv.2.bias");
    CHECK_THROWS_WITH(drawn(), has_text("missing"));
    io::write_safetensors(path, SmallModel().all());
    CHECK_THROWS_WITH(open_tiny_decoder(path, 4, Device::cpu), has_text("is no TAESD"));
}
