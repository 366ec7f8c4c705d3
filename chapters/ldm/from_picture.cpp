#include "chapters/ldm/from_picture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/ldm/drawing_options.h"
#include "chapters/ldm/option_groups.h"
#include "common/io/utf8.h"
#include "common/report/progress.h"

namespace ldm::program {

void add_from_option(CLI::App& command, std::optional<PictureOrigin>& origin) {
    command.option_defaults()->group(files_group);
    const auto take = [&command, &origin](const std::string& path) {
        PictureSettings picture = settings_of_picture(path, command);
        fill(command, picture.settings, picture.origin.file);
        if (!picture.unknown.empty())
            report::message(fmt::format("{}: this is not done here, so the picture will differ: {}",
                                        picture.origin.file, fmt::join(picture.unknown, ", ")));
        origin = std::move(picture.origin);
    };
    command
        .add_option_function<std::string>(
            "--from", take,
            "Draw this PNG again: take the settings from its text, as ldm and A1111 write it;\n"
            "options that are given count more")
        ->type_name("FILE");
}

std::vector<std::string> loras_of(const PictureOrigin& origin, const std::string& lora_dir) {
    std::vector<std::string> loras;
    for (const auto& [name, strength] : origin.loras) {
        if (lora_dir.empty())
            throw Error(fmt::format(
                "{} was drawn with the LoRA '{}' ({}): say with --lora-dir or --lora where it is",
                origin.file, text::printable(name), text::printable(strength)));
        loras.push_back(fmt::format("{}:{}", find_lora(name, lora_dir).string(), strength));
    }
    return loras;
}

void expect_model(const PictureOrigin& origin, const std::string& model) {
    if (model.empty() && !origin.model.empty() &&
        origin.model != pipeline::name_of_model(nn::shipped_model()))
        throw Error(fmt::format("{} was drawn with the model '{}': say with --model where it is",
                                origin.file, text::printable(origin.model)));
}

void tell_differences(const DrawingOptions& options, const pipeline::OpenedModel& model,
                      const Embeddings& embeddings) {
    if (!options.origin) return;
    const PictureOrigin& origin = *options.origin;
    const auto tell = [&](const std::string& what) {
        report::message(fmt::format("{} was drawn with {}", origin.file, what));
    };
    const std::string name = pipeline::name_of_model(model.source.path());
    if (!origin.model.empty() && origin.model != name)
        tell(fmt::format("the model '{}', and this is '{}'", text::printable(origin.model), name));
    if (!origin.vae.empty() && options.vae.empty())
        tell(fmt::format("the autoencoder '{}': say with --vae where it is",
                         text::printable(origin.vae)));
    if (origin.taesd && options.taesd.empty()) tell("TAESD: say with --taesd where it is");
    if (origin.own_scheduler && !model.spec.scheduler)
        tell("the scheduler of a diffusers folder, which this model is not");
    for (const std::string& word : origin.learned_words)
        if (std::ranges::find(embeddings, word, &pipeline::TextualInversion::name) ==
            embeddings.end())
            tell(fmt::format("the learned word '{}': say with --embedding where it is",
                             text::printable(word)));
}

}  // namespace ldm::program
