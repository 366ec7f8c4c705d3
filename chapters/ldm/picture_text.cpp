#include "chapters/ldm/picture_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "chapters/09_training/lora/lora_file.h"
#include "common/io/json.h"
#include "common/io/utf8.h"

namespace ldm::program {
namespace {

/// The learned words in the prompts of a picture, "zork, blob".
std::string learned_words(const pipeline::PromptPlan& plan, std::size_t i) {
    std::set<std::string> names;
    const auto add = [&](const pipeline::TextSchedule& schedule) {
        for (const auto& chunks : schedule.texts)
            for (const pipeline::Chunk& chunk : chunks)
                for (const auto& insertion : chunk.insertions)
                    names.insert(text::printable(plan.embeddings[insertion.embedding].name));
    };
    for (const pipeline::PicturePlan::Part& part : plan.pictures[i].parts) add(part.texts);
    add(plan.pictures[i].negative);
    return fmt::format("{}", fmt::join(names, ", "));
}

/// The LoRAs of --lora, "style: 0.5, face: 1".
std::string lora_names(const DrawingOptions& options) {
    std::string names;
    for (const std::string& text : options.lora) {
        const train::LoraOption lora = train::lora_option(text);
        names += fmt::format("{}{}: {}", names.empty() ? "" : ", ",
                             text::printable(lora.path.stem().string()), lora.strength);
    }
    return names;
}

}  // namespace

std::string picture_text(const DrawingOptions& options, const pipeline::LatentDiffusion& model,
                         const pipeline::Txt2ImgRequest& request, std::size_t i,
                         const std::string& more) {
    const pipeline::PromptPlan plan = plan_of(model, request);
    std::string text = parameters_text(model, request, i) + more;
    if (!options.vae.empty())
        text += ", VAE: " + io::Json(pipeline::name_of_model(options.vae)).dump();
    if (!options.taesd.empty() && !options.taesd_preview_only) text += ", VAE Decoder: TAESD";
    if (!options.prediction.empty()) text += ", Prediction: " + options.prediction;
    if (options.vae_tiling) text += ", VAE tiling: True";
    if (options.patch_size > 0) text += fmt::format(", Patch size: {}", options.patch_size);
    const std::string loras = lora_names(options);
    if (!loras.empty()) text += ", Lora: " + io::Json(loras).dump();
    const std::string words = learned_words(plan, i);
    return words.empty() ? text : text + ", TI: " + io::Json(words).dump();
}

}  // namespace ldm::program
