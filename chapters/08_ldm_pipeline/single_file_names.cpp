#include "chapters/08_ldm_pipeline/single_file_names.h"

#include <algorithm>
#include <map>
#include <string>

#include "chapters/07_unet/unet_model.h"
#include "chapters/08_ldm_pipeline/families.h"

namespace ldm::pipeline {
namespace {

constexpr std::string_view wrapped = "state_dict.", averaged = "model_ema.",
                           unet_weights = "model.diffusion_model.";

bool any_begins_with(const io::TensorFile& file, std::string_view prefix) {
    return std::ranges::any_of(file.entries(), [&](const io::TensorEntry& entry) {
        return entry.name.starts_with(prefix);
    });
}

/// LitEma's names of SD 1.x's UNet -> their names with dots.
const std::map<std::string, std::string>& names_of_averages() {
    static const auto names = [] {
        // the networks know what they ask for; an empty checkpoint writes it down
        nn::Checkpoint asked;
        const unet::UNetModel model(asked.root() / "model" / "diffusion_model",
                                    unet::Config::from_json(sd1_settings().at("unet_config")));
        std::map<std::string, std::string> found;
        for (const std::string& name : asked.asked()) {
            std::string short_name = name.substr(std::string_view("model.").size());
            std::erase(short_name, '.');
            found.emplace(std::string(averaged) + short_name, name);
        }
        return found;
    }();
    return names;
}

}  // namespace

io::TensorFile with_compvis_names(const io::TensorFile& given) {
    const io::TensorFile file =
        any_begins_with(given, wrapped) ? given.renamed([](const std::string& name) {
            return name.starts_with(wrapped) ? name.substr(wrapped.size()) : name;
        })
                                        : given;
    if (any_begins_with(file, unet_weights) || !any_begins_with(file, averaged)) return file;
    return file.renamed([](const std::string& name) {
        const auto found = names_of_averages().find(name);
        return found == names_of_averages().end() ? name : found->second;
    });
}

}  // namespace ldm::pipeline
