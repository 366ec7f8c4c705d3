#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/ldm/picture_files.h"
#include "chapters/ldm/prompt_options.h"
#include "chapters/ldm/sampling_options.h"

namespace ldm::program {

/// What txt2img, img2img and inpaint have in common.
struct DrawingOptions {
    // empty: the one that ships
    std::string model;
    // "eps" or "v"; empty: what the model says
    std::string prediction;
    std::string prompt, prompt_file, negative_prompt;
    OutputOptions output;
    std::string save_latents;
    SamplingOptions sampling;
    PromptOptions prompts;
    std::string device = "cpu", dtype = "f32", precision = "f32";
    std::vector<std::string> lora;
    std::optional<int> width, height;
    // -1: a random one
    std::string seed = "42";
    int batch_size = 0, threads = 0;
    // all pictures of a prompt begin with the same seed
    bool same_seed = false;
    bool vae_tiling = false;
    // in pixels; 0: the UNet sees the whole picture
    int patch_size = 0;
};

/// Adds all of them to a command: one grammar for every way to draw.
void add_drawing_options(CLI::App& command, DrawingOptions& options);

/// After parsing. Throws CLI's error for a command line without a prompt.
void finish(const CLI::App& command, DrawingOptions& options);

/// The prompts to draw, one picture each. Throws an Error for what is no text.
std::vector<std::string> prompts_of(const DrawingOptions& options);

/// The seed of each picture. Pictures of one prompt have seeds that follow each other, so that they
/// differ, unless same_seed is set; the lines of a prompt file all have the same one. Says which
/// was chosen for -1.
std::vector<std::uint64_t> seeds_of(const DrawingOptions& options, std::size_t count);

/// Options given on the command line before those the model prefers before those of this program.
pipeline::Txt2ImgRequest request_template(const DrawingOptions& options,
                                          const pipeline::ModelSpec& spec);

/// Where everything goes; throws when something could not be written.
std::vector<std::filesystem::path> paths_of(const DrawingOptions& options, std::size_t count);

}  // namespace ldm::program
