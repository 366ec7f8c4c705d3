#include "chapters/ldm/prompt_options.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "chapters/08_ldm_pipeline/prompt/textual_inversion.h"
#include "common/io/utf8.h"
#include "common/nn/nearest_name.h"
#include "common/report/progress.h"

namespace ldm::program {
namespace {

namespace fs = std::filesystem;
using pipeline::TextualInversion;

/// Every .safetensors, .pt or .bin file in a folder and in those within it, by its name without the
/// ending; of two with one name the first by path.
std::map<std::string, fs::path> files_in(const fs::path& folder, const std::string& option) {
    constexpr std::size_t most_files = 100'000;
    std::error_code trouble;
    std::set<fs::path> paths;
    auto file = fs::recursive_directory_iterator(
        folder, fs::directory_options::skip_permission_denied, trouble);
    for (; !trouble && file != fs::recursive_directory_iterator() && paths.size() < most_files;
         file.increment(trouble)) {
        const std::string ending = file->path().extension().string();
        if (ending == ".safetensors" || ending == ".pt" || ending == ".bin")
            paths.insert(file->path());
    }
    if (trouble)
        throw Error(
            fmt::format("{} {}: {}", option, text::printable(folder.string()), trouble.message()));
    std::map<std::string, fs::path> files;
    for (const fs::path& path : paths) files.emplace(path.stem().string(), path);
    return files;
}

/// Those of a folder; one that cannot be used is told of, for it may be for another model.
Embeddings embeddings_in(const fs::path& folder) {
    Embeddings embeddings;
    const auto add = [&](const fs::path& path) {
        try {
            embeddings.push_back(pipeline::read_textual_inversion(path));
        } catch (const Error& error) {
            report::message(fmt::format("not used: {}", error.what()));
        }
    };
    for (const auto& [name, path] : files_in(folder, "--embedding-dir")) add(path);
    return embeddings;
}

}  // namespace

void add_prompt_options(CLI::App& command, PromptOptions& options) {
    command
        .add_option("--prompt-syntax", options.syntax,
                    "What prompts may say: as in AUTOMATIC1111's web UI (docs/prompt_syntax.md),\n"
                    "(cat:1.2), [cat:dog:0.5], AND, <lora:name:0.8> (a1111), or words only (plain)")
        ->check(CLI::IsMember({"a1111", "plain"}))
        ->capture_default_str();
    command.add_option("--lora-dir", options.lora_dir, "Where the LoRAs are that prompts name")
        ->type_name("FOLDER");
    command
        .add_option("--embedding", options.embeddings,
                    "A learned word (textual inversion, .safetensors or .pt), called like its file")
        ->type_name("FILE");
    command.add_option("--embedding-dir", options.embedding_dir, "A folder of learned words")
        ->type_name("FOLDER");
}

Embeddings embeddings_of(const PromptOptions& options, const pipeline::ModelSpec& spec) {
    Embeddings embeddings;
    for (const std::string& path : options.embeddings) {
        embeddings.push_back(pipeline::read_textual_inversion(path));
        if (!spec.text_tower) throw Error("this model takes no text: leave out --embedding");
        expect_width(embeddings.back(), spec.text_tower->width);
    }
    if (options.embedding_dir.empty()) return embeddings;
    for (TextualInversion& embedding : embeddings_in(options.embedding_dir))
        embeddings.push_back(std::move(embedding));
    return embeddings;
}

void apply(const PromptOptions& options, pipeline::Txt2ImgRequest& request) {
    request.syntax =
        options.syntax == "plain" ? pipeline::PromptSyntax::plain : pipeline::PromptSyntax::a1111;
    request.clip_skip = options.clip_skip;
}

fs::path find_lora(const std::string& name, const std::string& lora_dir) {
    const auto files = files_in(lora_dir, "--lora-dir");
    std::vector<std::string> names;
    for (const auto& [stem, path] : files) {
        // as a message or a picture's text may have it
        if (stem == name || text::printable(stem) == name) return path;
        names.push_back(stem);
    }
    throw Error(fmt::format("there is no LoRA '{}' in {}{}", text::printable(name),
                            text::printable(lora_dir), nn::nearest_names(name, names)));
}

std::vector<NamedLora> loras_of(const PromptOptions& options,
                                const std::vector<std::string>& prompts) {
    if (options.syntax == "plain" || prompts.empty()) return {};
    const auto named = pipeline::take_extra_networks(prompts.front()).loras;
    std::set<std::string> unknown;
    for (const std::string& prompt : prompts) {
        const pipeline::ExtraNetworks networks = pipeline::take_extra_networks(prompt);
        unknown.insert(networks.unknown.begin(), networks.unknown.end());
        if (networks.loras != named)
            throw Error(
                fmt::format("\"{}\" names other LoRAs than \"{}\": draw them with a command "
                            "of its own for each",
                            text::printable(prompt), text::printable(prompts.front())));
    }
    for (const std::string& network : unknown)
        report::message(fmt::format("\"{}\" in the prompt is left out: there is no such network",
                                    text::printable(network)));
    if (named.empty()) return {};
    if (options.lora_dir.empty())
        throw Error(fmt::format("the prompt names the LoRA '{}': say with --lora-dir where it is",
                                text::printable(named.front().name)));
    std::vector<NamedLora> loras;
    for (const pipeline::LoraInPrompt& lora : named)
        loras.push_back({find_lora(lora.name, options.lora_dir), lora});
    return loras;
}

}  // namespace ldm::program
