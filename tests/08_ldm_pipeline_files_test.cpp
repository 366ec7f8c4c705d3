// Files of full size, of which only the header was written: what they are, and whether all of them
// is there, is decided before any weight is read.

#include <filesystem>
#include <functional>
#include <utility>

#include "chapters/08_ldm_pipeline/diffusers_keys.h"
#include "chapters/08_ldm_pipeline/inspect.h"
#include "chapters/08_ldm_pipeline/open_model.h"
#include "common/io/json.h"
#include "tests/support/catch.h"
#include "tests/support/model_headers.h"
#include "tests/support/temporary_folder.h"

using namespace ldm;
using namespace ldm::pipeline;
using ldm::test::has_text;
using ldm::test::of_sd1;
using ldm::test::of_sd2;
using ldm::test::replaced;
using ldm::test::Stored;
using ldm::test::Tensors;
using ldm::test::with_open_clip;
using ldm::test::write_header;
namespace fs = std::filesystem;

namespace {

/// With other names; those that become empty are left out.
Tensors named(const Tensors& tensors,
              const std::function<std::string(const std::string&)>& new_name) {
    Tensors result;
    for (const auto& [name, stored] : tensors)
        if (const std::string other = new_name(name); !other.empty()) result[other] = stored;
    return result;
}

/// What other programs leave in such files.
Tensors with_junk(Tensors tensors) {
    using enum io::DType;
    const std::string text = "cond_stage_model.transformer.text_model.embeddings.position_ids";
    for (const auto& [name, stored] :
         Tensors{{"alphas_cumprod", {{1000}, f32}},
                 {"sqrt_alphas_cumprod", {{1000}, f64}},
                 {"model_ema.decay", {{}, f32}},
                 {"model_ema.num_updates", {{}, i32}},
                 {text, {{1, 77}, i64}},
                 {"cond_stage_model.logit_scale", {{}, f32}},
                 {"first_stage_model.loss.logvar", {{}, f32}},
                 {"first_stage_model.loss.discriminator.main.0.weight", {{64, 3, 4, 4}, f16}},
                 {"optimizer_states.0.exp_avg", {{3}, bf16}},
                 {"global_step", {{}, i64}},
                 {"is_pruned", {{}, boolean}},
                 {"empty", {{0}, u8}}})
        tensors.insert({name, stored});
    return tensors;
}

void check_whole(const fs::path& path, const std::string& words) {
    const Inspection inspection = inspect(path);
    INFO(inspection.text);
    CHECK(inspection.whole);
    CHECK_THAT(inspection.text, has_text(words));
}

}  // namespace

TEST_CASE("files: Stable Diffusion 1.x and 2.x in one file, with what training leaves behind") {
    const test::TemporaryFolder folder;
    const auto path = folder / "m.safetensors";
    write_header(path, with_junk(of_sd1()));
    check_whole(path, "pictures of 512 x 512");
    write_header(path, with_junk(with_open_clip(of_sd2())));
    check_whole(path, "a text tower of 77 tokens of width 1024");
    for (const auto& [channels, words] : {std::pair{9, "(ldm inpaint)"}, {8, "instruct-pix2pix"}})
        for (const bool second : {false, true}) {
            Tensors tensors = second ? with_open_clip(of_sd2()) : of_sd1();
            tensors.at("model.diffusion_model.input_blocks.0.0.weight").shape[1] = channels;
            write_header(path, tensors);
            check_whole(path, words);
        }
}

TEST_CASE("files: names with other beginnings") {
    const test::TemporaryFolder folder;
    const auto path = folder / "m.safetensors";
    const auto check = [&](const Tensors& tensors) {
        write_header(path, tensors);
        check_whole(path, "pictures of 512 x 512");
    };
    check(named(of_sd1(), [](const std::string& name) { return "state_dict." + name; }));
    check(named(with_junk(of_sd1()), [](const std::string& name) {
        if (!name.starts_with("model.diffusion_model.")) return name;
        std::string average = name.substr(std::string_view("model.").size());
        std::erase(average, '.');
        return "model_ema." + average;
    }));
    check(named(with_junk(of_sd1()), [](const std::string& name) {
        return replaced(name, "transformer.text_model.", "transformer.");
    }));
}

TEST_CASE("files: diffusers folders of Stable Diffusion 1.x and 2.x, and of Turbo") {
    const test::TemporaryFolder folder;
    const auto write_folder = [&](const Tensors& tensors, const io::Json& config,
                                  const io::Json& scheduler, const std::string& before_text) {
        for (const char* part : {"unet", "vae", "text_encoder", "scheduler"})
            fs::create_directories(folder / part);
        const auto unet_names = unet::module_names(unet::Config::from_json(config["unet_config"]));
        const auto vae_names = autoencoder_names(config["first_stage_config"]);
        Tensors unet, vae,
            text = {{"text_model.embeddings.position_ids", {{1, 77}, io::DType::i64}}};
        for (const auto& [name, stored] : tensors) {
            const auto after = [&](std::string_view prefix) { return name.substr(prefix.size()); };
            if (name.starts_with("model.diffusion_model.")) {
                const std::string ours = after("model.diffusion_model.");
                unet[unet::to_diffusers(unet_names, ours).value_or(ours)] = stored;
            } else if (name.starts_with("first_stage_model.")) {
                const std::string ours = after("first_stage_model.");
                Stored& here = vae[unet::to_diffusers(vae_names, ours).value_or(ours)];
                here = stored;
                // linear layers there
                if (ours.find(".attn_1.") != ours.npos && stored.shape.size() == 4)
                    here.shape = {stored.shape[0], stored.shape[1]};
            } else {
                text[before_text + after("cond_stage_model.transformer.text_model.")] = stored;
            }
        }
        write_header(folder / "unet/diffusion_pytorch_model.safetensors", unet);
        write_header(folder / "vae/diffusion_pytorch_model.fp16.safetensors", vae);
        write_header(folder / "text_encoder/model.safetensors", text);
        const io::Json context = config["unet_config"]["context_dim"];
        io::write_json(folder / "unet/config.json", {{"cross_attention_dim", context}});
        io::write_json(folder / "scheduler/scheduler_config.json", scheduler);
    };
    write_folder(of_sd1(), sd1_settings(), {{"_class_name", "PNDMScheduler"}}, "text_model.");
    check_whole(folder.path(), "scheduler PNDMScheduler; predicts eps");
    write_folder(of_sd1(), sd1_settings(), {{"_class_name", "DDIMScheduler"}}, "");
    check_whole(folder.path(), "scheduler DDIMScheduler; predicts eps");
    write_folder(of_sd2(), sd2_settings(),
                 {{"_class_name", "EulerDiscreteScheduler"}, {"prediction_type", "v_prediction"}},
                 "text_model.");
    check_whole(folder.path(), "scheduler EulerDiscreteScheduler; predicts v");
    // Turbo
    write_folder(of_sd2(), sd2_settings(),
                 {{"_class_name", "EulerDiscreteScheduler"}, {"timestep_spacing", "trailing"}},
                 "text_model.");
    check_whole(folder.path(), "scheduler EulerDiscreteScheduler; predicts eps");
    CHECK(open_model(folder.path()).spec.scheduler->is("timestep_spacing", "trailing"));
}
