#include "chapters/08_ldm_pipeline/diffusers_folder.h"

#include <fmt/format.h>

#include <functional>
#include <optional>

#include "chapters/07_unet/block_names.h"
#include "chapters/08_ldm_pipeline/autoencoder_weights.h"
#include "chapters/08_ldm_pipeline/diffusers_weights.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "common/io/tensor_file.h"

namespace ldm::pipeline {
namespace {

namespace fs = std::filesystem;
using NewName = std::function<std::string(const std::string&)>;

class DiffusersFolder {
public:
    explicit DiffusersFolder(const fs::path& path)
        : path_(path),
          parts_{.layout = nn::ModelSource::Layout::diffusers,
                 .path = path,
                 .config = sd1_settings()} {}

    OpenedModel open(bool separate_autoencoder) {
        attempt([&] { identify_parts(); });
        if (problems_.empty()) {
            attempt([&] { read_scheduler(); });
            attempt([&] { add_unet(); });
            if (!separate_autoencoder) attempt([&] { add_autoencoder(); });
            attempt([&] { add_text_encoder(); });
            find_vocabulary();
        }
        ModelSpec spec = spec_from_settings(parts_.config, family_);
        spec.prediction_is_known = scheduler_ || family_ != sd2;
        spec.scheduler = std::move(scheduler_);
        if (!problems_.empty()) spec.problems = problems_;
        return {std::move(spec), nn::ModelSource(std::move(parts_))};
    }

private:
    void attempt(const std::function<void()>& step) {
        try {
            step();
        } catch (const Error& error) {
            problems_.push_back(error.what());
        }
    }

    void set_family(const ModelFamily& family) {
        family_ = family.name;
        problems_.insert(problems_.end(), family.problems.begin(), family.problems.end());
    }

    io::Json config_of(const char* part, const char* name = "config.json") const {
        const fs::path file = path_ / part / name;
        return fs::exists(file) ? io::read_json(file) : io::Json::object();
    }

    void identify_parts() {
        if (fs::exists(path_ / "transformer"))
            return set_family(
                {"Stable Diffusion 3, Flux or the like", {"its transformer is not supported"}});
        if (fs::exists(path_ / "text_encoder_2"))
            return set_family({"SDXL", {"its two text towers cannot be read yet"}});
        const io::Json unet = config_of("unet");
        set_family(identify_by_context(io::get_or(unet, "cross_attention_dim", 768)));
        const int channels = io::get_or(unet, "in_channels", 4);
        parts_.config = settings_of({.name = family_, .in_channels = channels});
        // in latents; 96 in Stable Diffusion 2.x
        constexpr int factor = 8;
        parts_.config["image_size"] = factor * io::get_in_or(unet, "sample_size", 1, 4096, 64);
        if (const auto problem = unsupported_channels(channels); !problem.empty())
            problems_.push_back(problem);
    }

    void read_scheduler() {
        const io::Json config = config_of("scheduler", "scheduler_config.json");
        if (config.empty()) return;
        scheduler_.emplace(config);
        parts_.config.update(scheduler_->model_settings());
    }

    void add_part(const std::vector<fs::path>& files, const NewName& compvis_name) {
        nn::Checkpoint part;
        for (const fs::path& file : files) part.add(io::open_tensor_file(file));
        part.move_to(*parts_.checkpoint, compvis_name);
        parts_.weight_files.insert(parts_.weight_files.end(), files.begin(), files.end());
    }

    void add_unet() {
        const auto names =
            unet::module_names(unet::Config::from_json(parts_.config.at("unet_config")));
        add_part(diffusers_weights(path_ / "unet", {"diffusion_pytorch_model"}),
                 [&](const std::string& key) {
                     return "model.diffusion_model." + unet::to_compvis(names, key).value_or(key);
                 });
    }

    void add_autoencoder() {
        const double scale_factor = io::get<double>(parts_.config, "scale_factor");
        parts_.config["scale_factor"] =
            io::get_or(config_of("vae"), "scaling_factor", scale_factor);
        const auto paths = diffusers_weights(path_ / "vae", {"diffusion_pytorch_model"});
        std::vector<io::TensorFile> files;
        for (const fs::path& file : paths) files.push_back(io::open_tensor_file(file));
        pipeline::add_autoencoder(files, parts_.config.at("first_stage_config"),
                                  *parts_.checkpoint);
        parts_.weight_files.insert(parts_.weight_files.end(), paths.begin(), paths.end());
    }

    void add_text_encoder() {
        add_part(diffusers_weights(path_ / "text_encoder", {"model", "pytorch_model"}),
                 [](const std::string& key) {
                     // transformers 5 writes the text tower without this prefix
                     return "cond_stage_model.transformer." +
                            (key.starts_with("text_model.") ? key : "text_model." + key);
                 });
    }

    /// Every Stable Diffusion 1.x has CLIP's; it is only missing where nobody needed a copy.
    void find_vocabulary() {
        const fs::path folder = path_ / "tokenizer";
        if (fs::exists(folder / "merges.txt") && fs::exists(folder / "vocab.json")) {
            parts_.merges = folder / "merges.txt";
            parts_.vocab_json = folder / "vocab.json";
        } else if (fs::exists(folder / "tokenizer.json")) {
            parts_.tokenizer_json = folder / "tokenizer.json";
        }
    }

    fs::path path_;
    nn::ModelSource::Parts parts_;
    std::string family_ = sd1;
    std::optional<SchedulerSettings> scheduler_;
    std::vector<std::string> problems_;
};

}  // namespace

bool is_diffusers_folder(const fs::path& path) {
    for (const char* part : {"unet", "transformer", "model_index.json"})
        if (fs::exists(path / part)) return true;
    return false;
}

OpenedModel open_diffusers_folder(const fs::path& path, bool separate_autoencoder) {
    return DiffusersFolder(path).open(separate_autoencoder);
}

}  // namespace ldm::pipeline
