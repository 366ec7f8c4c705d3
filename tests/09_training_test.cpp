// Whole trainings, small enough for a test: that they learn, that stopping changes nothing, and
// that what goes wrong is said.

#include <bit>
#include <cmath>
#include <fstream>

#include "chapters/08_ldm_pipeline/latent_diffusion.h"
#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/09_training/lora/lora_file.h"
#include "chapters/09_training/run/checkpoints.h"
#include "chapters/09_training/trainers/autoencoder_trainer.h"
#include "chapters/09_training/trainers/clip_trainer.h"
#include "chapters/09_training/trainers/diffusion_trainer.h"
#include "chapters/09_training/trainers/parallel_micro_batches.h"
#include "chapters/09_training/trainers/training_run.h"
#include "chapters/09_training/verify.h"
#include "common/figures/tensor_picture.h"
#include "common/image/png.h"
#include "common/io/atomic_file.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "tests/support/case_checks.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::train;
using io::Json;
using test::has_text;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> colours = {"red",  "green", "blue",  "yellow",
                                          "pink", "cyan",  "black", "orange"};
const image::Color rgb[] = {{220, 30, 30},   {30, 160, 40},  {30, 60, 220}, {240, 220, 40},
                            {250, 150, 190}, {40, 220, 230}, {20, 20, 20},  {240, 140, 20}};

/// Eight pictures of 16 x 16: a coloured square on white, each in a place of its own.
void write_pictures(const fs::path& folder) {
    fs::create_directories(folder);
    std::string lines;
    for (std::size_t i = 0; i < colours.size(); ++i) {
        image::Image picture(16, 16);
        const int left = static_cast<int>(i % 3) * 4, top = static_cast<int>(i / 3) * 4;
        for (int y = 0; y < 16; ++y)
            for (int x = 0; x < 16; ++x) {
                const bool inside = x >= left && x < left + 8 && y >= top && y < top + 8;
                if (inside) picture.set(x, y, rgb[i]);
            }
        image::save_png(folder / (colours[i] + ".png"), picture);
        lines += Json{{"file_name", colours[i] + ".png"}, {"text", colours[i] + " square"}}.dump() +
                 "\n";
    }
    io::write_text_file(folder / "metadata.jsonl", lines);
}

/// A vocabulary of letters and one merge.
std::string merges_text() { return "#version: 0.2\ns q\n"; }
constexpr int vocabulary = 256 + 256 + 1 + 2;

Json autoencoder_json() {
    return {{"steps", 6},
            {"batch_size", 4},
            {"learning_rate", 2e-3},
            {"optimizer", {{"name", "adamw"}}},
            {"data", {{"size", 16}}},
            {"first_stage_config",
             {{"embed_dim", 4},
              {"ddconfig",
               {{"double_z", true},
                {"z_channels", 4},
                {"resolution", 16},
                {"in_channels", 3},
                {"out_ch", 3},
                {"ch", 32},
                {"ch_mult", {1, 2}},
                {"num_res_blocks", 1},
                {"attn_resolutions", Json::array()}}}}},
            {"loss",
             {{"kl_weight", 1e-6},
              {"perceptual_weight", 0},
              {"disc_start", 3},
              {"disc_num_layers", 1},
              {"disc_weight", 0.1}}},
            {"ema_decay", 0.9}};
}

Json clip_json(const fs::path& merges) {
    return {{"steps", 6},
            {"batch_size", 4},
            {"accumulate_grad_batches", 2},
            {"learning_rate", 1e-3},
            {"optimizer", {{"name", "muon"}}},
            {"data", {{"size", 16}, {"flip", true}}},
            {"cond_stage_config",
             {{"projection_dim", 32},
              {"text_config",
               {{"vocab_size", vocabulary},
                {"hidden_size", 32},
                {"intermediate_size", 64},
                {"num_hidden_layers", 1},
                {"num_attention_heads", 2},
                {"max_position_embeddings", 16},
                {"bos_token_id", vocabulary - 2},
                {"eos_token_id", vocabulary - 1},
                {"hidden_act", "quick_gelu"}}},
              {"vision_config",
               {{"hidden_size", 32},
                {"intermediate_size", 64},
                {"num_hidden_layers", 1},
                {"num_attention_heads", 2},
                {"image_size", 16},
                {"patch_size", 4},
                {"hidden_act", "quick_gelu"}}}}},
            {"vocabulary", merges.string()}};
}

Json diffusion_json() {
    return {{"steps", 6},
            {"batch_size", 4},
            {"learning_rate", 1e-3},
            {"max_grad_norm", 1.0},
            {"data", {{"size", 16}, {"caption_dropout", 0.1}}},
            {"schedule", {{"timesteps", 1000}, {"linear_start", 0.00085}, {"linear_end", 0.012}}},
            {"train_text_encoder", true},
            {"timestep_sampling", {{"snr_weight_max", 10}, {"time_power", 0.6}}},
            {"ema_decay", 0.9},
            {"sampler", {{"name", "ddim"}, {"steps", 20}, {"cfg_scale", 2.0}}},
            {"unet_config",
             {{"image_size", 8},
              {"in_channels", 4},
              {"out_channels", 4},
              {"model_channels", 32},
              {"num_res_blocks", 1},
              {"attention_resolutions", {1, 2}},
              {"channel_mult", {1, 2}},
              {"num_heads", 2},
              {"use_spatial_transformer", true},
              {"transformer_depth", 1},
              {"context_dim", 32},
              {"legacy", false}}}};
}

std::vector<Batch> examples_of(const PictureFolder& folder) {
    Batch batch;
    std::vector<image::Image> pictures;
    for (std::int64_t i = 0; i < folder.size(); ++i) {
        pictures.push_back(*folder.load(i).picture);
        batch.captions.push_back(folder.file(i).caption);
        batch.files.push_back(i);
    }
    batch.pictures = image::to_tensor(pictures);
    return {batch};
}

/// A training of one of the three kinds, up to `max_steps`.
struct Training {
    fs::path data, output, init;

    template <class Some>
    Weights run(const Json& json, std::int64_t max_steps = 1000000, bool resume = false) const {
        const TrainingConfig config = read_training_config(json, Some::own_keys());
        const PictureFolder pictures(data, Captions::needed, config.data);
        TrainingFolder folder(output, json, pictures.fingerprint(), {.resume = resume});
        nn::ModelSource model = init.empty() ? nn::ModelSource() : open_base_model(init);
        auto trainer = make<Some>(json, config, std::move(model), pictures);
        run_training("test", *trainer, pictures, config, folder, {.max_steps = max_steps});
        return copy_of(trainer->state());
    }

    template <class Some>
    static std::unique_ptr<Trainer> make(const Json& json, const TrainingConfig& config,
                                         nn::ModelSource model, const PictureFolder& pictures) {
        std::vector<Batch> examples = examples_of(pictures);
        if constexpr (std::is_same_v<Some, AutoencoderTrainer>)
            return std::make_unique<Some>(json, config, std::move(model),
                                          examples.front().pictures);
        else if constexpr (std::is_same_v<Some, ClipTrainer>)
            return std::make_unique<Some>(json, config, std::move(model), std::move(examples),
                                          pictures.captions());
        else
            return std::make_unique<Some>(json, config, std::move(model), std::move(examples));
    }
};

/// The names of the tensors that differ in any bit.
std::vector<std::string> differing(const Weights& a, const Weights& b) {
    std::vector<std::string> names;
    for (const auto& [name, x] : a) {
        const auto found = b.find(name);
        const std::size_t bytes = static_cast<std::size_t>(x.size()) * 4;
        const auto start = [](const Tensor& t) {
            return t.dtype() == DType::i32 ? static_cast<const void*>(t.ints()) : t.data();
        };
        if (found == b.end() || std::memcmp(start(x), start(found->second), bytes) != 0)
            names.push_back(name);
    }
    return names;
}

/// Six steps at once, and three and three with a new trainer, that knows nothing but the
/// checkpoint.
template <class Some>
void check_resume(const Json& json, const fs::path& data, const fs::path& init = {}) {
    test::TemporaryFolder folder;
    const Weights straight = Training{data, folder / "straight", init}.run<Some>(json);
    const Training halved{data, folder / "halved", init};
    const Weights half = halved.run<Some>(json, 3);
    const Weights whole = halved.run<Some>(json, 6, /*resume=*/true);
    CHECK(differing(straight, whole).empty());
    CHECK_FALSE(differing(half, whole).empty());
    CHECK(straight.size() == whole.size());
}

/// An autoencoder and towers after a few steps: what a diffusion training begins with.
struct Beginning {
    test::TemporaryFolder folder;
    fs::path data = folder / "data", merges = folder / "merges.txt";

    Beginning() {
        write_pictures(data);
        io::write_text_file(merges, merges_text());
    }

    /// Trains both for so many steps; returns the folder of the model.
    fs::path model(int autoencoder_steps, int clip_steps) {
        Json first = autoencoder_json(), second = clip_json(merges);
        first["steps"] = autoencoder_steps;
        first["batch_size"] = 8;
        // without discriminator
        first["loss"]["disc_start"] = 1 << 30;
        first["loss"]["idle_before_start"] = true;
        second["steps"] = clip_steps;
        Training{data, folder / "autoencoder", {}}.run<AutoencoderTrainer>(first);
        Training{data, folder / "clip", folder / "autoencoder/model"}.run<ClipTrainer>(second);
        return folder / "clip/model";
    }
};

}  // namespace

TEST_CASE("every stored case of chapter 09") {
    verify::Registry registry;
    register_components(registry);
    for (const char* name :
         {"LPIPS", "NLayerDiscriminator", "GanLosses", "LPIPSWithDiscriminator",
          "VQLPIPSWithDiscriminator", "TrainLatentDiffusion", "TrainAutoencoder", "TrainClip",
          "TrainDiffusion", "Adam", "AdamW", "Muon", "ClipGradNorm", "LoRA", "LoraMerge"})
        CHECK(registry.contains(name));
    test::check_cases("09_training", registry);
}

TEST_CASE("a training that was stopped goes on to the last bit") {
    Beginning beginning;
    SECTION("autoencoder, with its discriminator") {
        check_resume<AutoencoderTrainer>(autoencoder_json(), beginning.data);
    }
    SECTION("clip, with accumulated gradients") {
        check_resume<ClipTrainer>(clip_json(beginning.merges), beginning.data);
    }
    SECTION("diffusion, with the text encoder") {
        check_resume<DiffusionTrainer>(diffusion_json(), beginning.data, beginning.model(1, 1));
    }
}

TEST_CASE("the UNet's text encoder begins as CLIP's and is trained further; CLIP stays frozen") {
    Beginning beginning;
    const fs::path init = beginning.model(1, 1);
    const auto below = [](const fs::path& model, const std::string& place) {
        Weights found;
        for (const auto& [name, weight] :
             pipeline::open_model(model).source.checkpoint().load_all())
            if (name.starts_with(place)) found[name.substr(place.size())] = weight;
        REQUIRE(!found.empty());
        return found;
    };
    const auto drawing_model = [&](bool train_text_encoder, const fs::path& from) {
        Json json = diffusion_json();
        json["train_text_encoder"] = train_text_encoder;
        const Training training{
            beginning.data, from.parent_path() / (train_text_encoder ? "learning" : "still"), from};
        training.run<DiffusionTrainer>(json);
        return training.output / "model";
    };
    const Weights clip = below(init, "clip_model."), text = below(init, "clip_model.text_model.");
    const std::string beside = "cond_stage_model.transformer.text_model.";

    const fs::path still = drawing_model(false, init);
    CHECK(below(still, beside).size() == text.size());
    CHECK(differing(below(still, beside), text).empty());

    // begins with the UNet's own
    const fs::path learning = drawing_model(true, still);
    CHECK(differing(below(learning, beside), text).size() > text.size() / 2);
    CHECK(below(learning, "clip_model.").size() == clip.size());
    CHECK(differing(below(learning, "clip_model."), clip).empty());
}

TEST_CASE("micro-batches in parallel give the gradients they give one after the other") {
    Beginning beginning;
    const fs::path init = beginning.model(1, 1);
    const auto learned = [&](Json json, int at_once, const fs::path& from) {
        json["steps"] = 2;
        json["accumulate_grad_batches"] = 3;
        json["parallel_micro_batches"] = at_once;
        test::TemporaryFolder folder;
        return Training{beginning.data, folder / "training", from}.run<DiffusionTrainer>(json);
    };
    const Training base{beginning.data, beginning.folder / "base", init};
    SECTION("all weights") {
        CHECK(differing(learned(diffusion_json(), 1, init), learned(diffusion_json(), 2, init))
                  .empty());
    }
    SECTION("a LoRA") {
        base.run<DiffusionTrainer>(diffusion_json());
        Json json = diffusion_json();
        json["train_text_encoder"] = false;
        json["lora"] = {{"rank", 2}};
        const fs::path from = base.output / "model";
        CHECK(differing(learned(json, 1, from), learned(json, 3, from)).empty());
    }
}

TEST_CASE("with a frozen text tower each picture is contrasted with all captions of the folder") {
    Beginning beginning;
    const fs::path init = beginning.model(1, 5);
    const auto first_loss = [&](bool train_text, std::int64_t count) {
        Json json = clip_json(beginning.merges);
        json["train_text"] = train_text;
        const TrainingConfig config = read_training_config(json, ClipTrainer::own_keys());
        const PictureFolder pictures(beginning.data, Captions::needed, config.data);
        Batch batch = examples_of(pictures).front();
        batch.pictures = ops::slice(batch.pictures, 0, 0, count);
        batch.captions.resize(count);
        batch.files.resize(count);
        return Training::make<ClipTrainer>(json, config, open_base_model(init), pictures)
            ->step(0, {&batch, 1}, 1e-3)
            .loss;
    };
    // the batch is the folder
    CHECK_THAT(first_loss(false, 8), Catch::Matchers::WithinRel(first_loss(true, 8), 1e-5));
    // at chance (ln 4 + ln 8) / 2, and ln 4
    CHECK(first_loss(false, 4) > first_loss(true, 4) + 0.1);
}

TEST_CASE("an error in one of several parallel micro-batches is thrown like any other") {
    std::vector<std::int64_t> taken;
    const auto fails_at_two = [](std::int64_t i) { return i == 2 ? throw Error("two") : i; };
    CHECK_THROWS_WITH(
        parallel_micro_batches(5, 3, fails_at_two, [&](std::int64_t i) { taken.push_back(i); }),
        test::has_text("two"));
    CHECK(taken.empty());
    parallel_micro_batches(
        5, 2, [](std::int64_t i) { return 10 * i; }, [&](std::int64_t i) { taken.push_back(i); });
    CHECK(taken == std::vector<std::int64_t>{0, 10, 20, 30, 40});
}

TEST_CASE("eight pictures are memorised, and drawn from their captions") {
    Beginning beginning;
    const fs::path init = beginning.model(200, 40);
    Json json = diffusion_json();
    json["steps"] = 400;
    json["batch_size"] = 8;
    // so small ops are not worth cutting
    json["accumulate_grad_batches"] = json["parallel_micro_batches"] = 2;
    json["learning_rate"] = 2e-3;
    json["ema_decay"] = 0.98;
    json["optimizer"] = {{"name", "muon"}};
    const Training training{beginning.data, beginning.folder / "diffusion", init};
    training.run<DiffusionTrainer>(json);

    const pipeline::LatentDiffusion model(pipeline::open_model(training.output / "model"));
    const PictureFolder pictures(beginning.data, Captions::needed, {.width = 16, .height = 16});
    const Batch all = examples_of(pictures).front();
    const auto drawn = pipeline::txt2img(model, {.prompts = all.captions,
                                                 .negative_prompt = "",
                                                 .seeds = std::vector<std::uint64_t>(8, 5),
                                                 .width = 16,
                                                 .height = 16,
                                                 .steps = 20,
                                                 .cfg_scale = 2.0f})
                           .pictures;
    for (std::int64_t i = 0; i < 8; ++i) {
        std::int64_t nearest = -1;
        double distance = INFINITY;
        for (std::int64_t k = 0; k < 8; ++k) {
            const double d = ops::mean(ops::square(ops::slice(drawn, 0, i, i + 1) -
                                                   ops::slice(all.pictures, 0, k, k + 1)))
                                 .item();
            if (d < distance) distance = d, nearest = k;
        }
        INFO(all.captions[i] << " came out nearest to " << all.captions[nearest]);
        CHECK(nearest == i);
        CHECK(distance < 0.1);
    }
}

TEST_CASE("a LoRA is trained beside frozen weights, and loads again") {
    Beginning beginning;
    Training base{beginning.data, beginning.folder / "base", beginning.model(1, 1)};
    base.run<DiffusionTrainer>(diffusion_json());

    Json json = diffusion_json();
    json["train_text_encoder"] = false;
    json["lora"] = {{"rank", 2}, {"alpha", 2}};
    json["steps"] = 4;
    const Training training{beginning.data, beginning.folder / "lora", base.output / "model"};
    const Weights learned = training.run<DiffusionTrainer>(json);
    CHECK(std::ranges::all_of(learned, [](const auto& entry) {
        return entry.first.find("lora_") != std::string::npos ||
               entry.first.find("step") != std::string::npos ||
               entry.first.find("num_updates") != std::string::npos;
    }));

    const nn::ModelSource model = pipeline::open_model(base.output / "model").source;
    const WeightChanges lora =
        read_lora(training.output / "model/lora.safetensors", model.checkpoint(), model.config());
    // up and down, their EMA, and Adam's two moments of each
    CHECK(lora.size() == learned.size() / 8);
    CHECK(std::get<LoraLayer>(lora.begin()->second.family).rank() == 2);
}

TEST_CASE("a training that has gone wrong says where, and what is still good") {
    Beginning beginning;
    Json json = autoencoder_json();
    json["checkpoint_every"] = 2;
    const Training training{beginning.data, beginning.folder / "wrong", {}};
    training.run<AutoencoderTrainer>(json, 2);

    // a weight in the checkpoint becomes a NaN, as after a division by zero
    const auto saved = latest_state(training.output / "checkpoints");
    REQUIRE(saved);
    const std::string name = "autoencoder.weights.decoder.conv_in.weight";
    std::vector<io::TensorEntry> entries(saved->file().entries());
    std::vector<float> broken;
    for (io::TensorEntry& entry : entries)
        if (entry.name == name) {
            broken = io::read_floats(entry);
            broken[3] = NAN;
            entry.bytes = std::as_bytes(std::span(broken));
        }
    std::map<std::string, std::string> texts = {{"config", saved->text("config")},
                                                {"data", saved->text("data")},
                                                {"seconds", saved->text("seconds")}};
    { Checkpoints(training.output / "checkpoints").save(2, entries, texts); }
    CHECK_THROWS_WITH(
        training.run<AutoencoderTrainer>(json, 6, true),
        has_text("step 3") && has_text("not finite") && has_text("step_000002.safetensors"));
}

namespace {

/// Takes steps that cost nothing. Its sample can fail, as a wrong setting once made it.
class StubTrainer : public Trainer {
public:
    bool sample_fails = false, model_is_written = false;

    StepResult step(std::int64_t, std::span<const Batch>, double) override { return {1.0, {}}; }
    Weights state() override { return {{"w", Tensor::scalar(1.0f)}}; }
    image::Image sample() override {
        if (sample_fails) throw Error("no sample");
        return image::Image(1, 1);
    }
    void write_model(const fs::path&) override { model_is_written = true; }
};

}  // namespace

TEST_CASE("a sampler with more steps than the schedule is refused before the training") {
    Beginning beginning;
    const fs::path init = beginning.model(1, 1);
    Json json = diffusion_json();
    json["schedule"]["timesteps"] = 20;
    json["sampler"]["steps"] = 21;
    const Training training{beginning.data, beginning.folder / "out", init};
    CHECK_THROWS_WITH(training.run<DiffusionTrainer>(json),
                      has_text("'sampler' makes 21 steps, but the schedule has 20 time steps"));
    // the default is too many as well
    json.erase("sampler");
    CHECK_THROWS_WITH(training.run<DiffusionTrainer>(json),
                      has_text("'sampler' makes 30 steps, but the schedule has 20 time steps"));
    CHECK_FALSE(fs::exists(training.output / "curve.csv"));

    json["sampler"] = {{"name", "ddim"}, {"steps", 20}};
    training.run<DiffusionTrainer>(json, 1);
    // no step depends on it, so it may change
    json["sampler"]["steps"] = 10;
    training.run<DiffusionTrainer>(json, 2, /*resume=*/true);
    CHECK(io::read_json(training.output / "model/config.json")["sampler"]["steps"] == 10);
}

TEST_CASE("a trained model is written even if its sample fails") {
    Beginning beginning;
    const Json json = {
        {"steps", 1}, {"batch_size", 1}, {"learning_rate", 1}, {"data", {{"size", 16}}}};
    const TrainingConfig config = read_training_config(json, {});
    const PictureFolder pictures(beginning.data, Captions::needed, config.data);
    TrainingFolder folder(beginning.folder / "out", json, pictures.fingerprint(), {});
    StubTrainer trainer;
    trainer.sample_fails = true;
    CHECK_THROWS_WITH(run_training("stub", trainer, pictures, config, folder),
                      has_text("no sample"));
    CHECK(trainer.model_is_written);
}

TEST_CASE("the vocabulary of a model is written whole, whatever lay there") {
    Beginning beginning;
    const Training training{beginning.data, beginning.folder / "out", {}};
    fs::create_directories(training.output / "model");
    // half a file, as after a full disk
    io::write_text_file(training.output / "model/merges.txt", merges_text().substr(0, 15));
    training.run<ClipTrainer>(clip_json(beginning.merges), 1);
    CHECK(io::read_text_file(training.output / "model/merges.txt") == merges_text());
}

TEST_CASE("a model without a setting that a trainer needs is refused by the name of the setting") {
    Beginning beginning;
    const auto refused = [&](const Json& model_config, const char* key) {
        const Json json = diffusion_json();
        const TrainingConfig config = read_training_config(json, DiffusionTrainer::own_keys());
        const PictureFolder pictures(beginning.data, Captions::needed, config.data);
        CHECK_THROWS_WITH(
            Training::make<DiffusionTrainer>(
                json, config, nn::ModelSource(model_config, std::make_unique<nn::Checkpoint>()),
                pictures),
            has_text(key));
    };
    refused({{"first_stage_config", {{"embed_dim", 4}}}}, "ddconfig");
    Json sizes = autoencoder_json()["first_stage_config"]["ddconfig"];
    refused({{"first_stage_config", {{"ddconfig", sizes}}}}, "embed_dim");
}

TEST_CASE("a training cannot be resumed with a picture that has changed, whatever its size") {
    Beginning beginning;
    const Training training{beginning.data, beginning.folder / "out", {}};
    training.run<AutoencoderTrainer>(autoencoder_json(), 1);
    const fs::path picture = beginning.data / (colours.front() + ".png");
    std::string bytes = io::read_text_file(picture);
    bytes[bytes.size() - 20] ^= 1;
    io::write_text_file(picture, bytes);
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(autoencoder_json(), 2, /*resume=*/true),
                      has_text("other pictures"));
    bytes[bytes.size() - 20] ^= 1;
    io::write_text_file(picture, bytes);
    CHECK_NOTHROW(training.run<AutoencoderTrainer>(autoencoder_json(), 2, /*resume=*/true));
}

TEST_CASE("scale_lr multiplies the learning rates by the pictures of a step") {
    Beginning beginning;
    Json scaled = autoencoder_json();
    scaled["accumulate_grad_batches"] = 2;
    scaled["discriminator_learning_rate"] = 1e-3;
    Json multiplied = scaled;
    multiplied["learning_rate"] = 2 * 4 * scaled["learning_rate"].get<double>();
    multiplied["discriminator_learning_rate"] = 2 * 4 * 1e-3;
    const auto trained = [&](Json json, const char* name) {
        json["steps"] = 5;
        return Training{beginning.data, beginning.folder / name, {}}.run<AutoencoderTrainer>(json);
    };
    const Weights by_hand = trained(multiplied, "by_hand");
    CHECK_FALSE(differing(trained(scaled, "not"), by_hand).empty());
    scaled["scale_lr"] = true;
    CHECK(differing(trained(scaled, "scaled"), by_hand).empty());
    scaled["scale_lr"] = "yes";
    CHECK_THROWS_WITH(trained(scaled, "wrong"), has_text("scale_lr"));
}

TEST_CASE("settings that make no sense are refused by name") {
    Beginning beginning;
    const auto refused = [&](const char* key, const Json& value) {
        Json json = autoencoder_json();
        json[key] = value;
        return json;
    };
    const Training training{beginning.data, beginning.folder / "out", {}};
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(refused("batchsize", 3)),
                      has_text("batchsize"));
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(refused("batch_size", 0)),
                      has_text("batch_size"));
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(refused("learning_rate", "fast")),
                      has_text("learning_rate"));
    // nothing would be trained
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(refused("learning_rate", 0)),
                      has_text("'learning_rate' is 0"));
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(refused("discriminator_learning_rate", -1)),
                      has_text("'discriminator_learning_rate' is -1"));
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(refused("optimizer", {{"name", "sgd"}})),
                      has_text("sgd"));
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(refused("loss", {{"perceptual_weight", 1}})),
                      has_text("lpips_weights"));
    CHECK_THROWS_WITH(training.run<DiffusionTrainer>(diffusion_json()), has_text("--init"));

    training.run<AutoencoderTrainer>(autoencoder_json(), 1);
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(autoencoder_json(), 2),
                      has_text("--resume"));
    CHECK_THROWS_WITH(training.run<AutoencoderTrainer>(refused("batch_size", 2), 2, true),
                      has_text("batch_size"));

    const fs::path elsewhere = beginning.folder / "elsewhere";
    fs::rename(beginning.data, elsewhere);
    const Training moved{elsewhere, training.output, {}};
    moved.run<AutoencoderTrainer>(autoencoder_json(), 2, true);
    fs::remove(elsewhere / (colours.front() + ".png"));
    CHECK_THROWS_WITH(moved.run<AutoencoderTrainer>(autoencoder_json(), 3, true),
                      has_text("other pictures"));
    write_pictures(elsewhere);
    io::write_text_file(elsewhere / "metadata.jsonl", [&] {
        std::string lines = io::read_text_file(elsewhere / "metadata.jsonl");
        return lines.replace(lines.find("square"), 6, "circle");
    }());
    CHECK_THROWS_WITH(moved.run<AutoencoderTrainer>(autoencoder_json(), 3, true),
                      has_text("captions"));
}
