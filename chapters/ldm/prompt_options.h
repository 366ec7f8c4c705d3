#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/prompt/extra_networks.h"
#include "chapters/08_ldm_pipeline/txt2img.h"

namespace ldm::program {

/// What prompts may say, and where the things are that they name, as the command line says it.
struct PromptOptions {
    std::string syntax = "a1111";
    int clip_skip = 1;
    /// empty: none
    std::string lora_dir, embedding_dir;
    std::vector<std::string> embeddings;
};

/// Adds --prompt-syntax, --lora-dir, --embedding and --embedding-dir: what is the same for all
/// prompts of a run.
void add_prompt_options(CLI::App& command, PromptOptions& options);

using Embeddings = std::vector<pipeline::TextualInversion>;

/// The learned words for a model of that spec: those that are named one by one come first, and so
/// count more. Tells of the files in --embedding-dir that are no embeddings. Throws an Error for
/// one of --embedding that cannot be read or belongs to another kind of model.
[[nodiscard]] Embeddings embeddings_of(const PromptOptions& options,
                                       const pipeline::ModelSpec& spec);

/// Puts the syntax and clip skip into a request.
void apply(const PromptOptions& options, pipeline::Txt2ImgRequest& request);

/// The file of that name in --lora-dir, or in a folder within it. Throws an Error for a name that
/// is not there, with the nearest that are.
[[nodiscard]] std::filesystem::path find_lora(const std::string& name, const std::string& lora_dir);

/// A LoRA that the prompts name, and its file in --lora-dir.
struct NamedLora {
    std::filesystem::path path;
    pipeline::LoraInPrompt lora;
};

/// The LoRAs that the prompts name. Tells of what else they name, and of which nothing is known.
/// Throws an Error for a name that is not in --lora-dir, with the nearest that are, and for prompts
/// that do not all name the same, for all are drawn with one model.
std::vector<NamedLora> loras_of(const PromptOptions& options,
                                const std::vector<std::string>& prompts);

}  // namespace ldm::program
