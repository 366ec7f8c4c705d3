#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chapters/08_ldm_pipeline/txt2img.h"
#include "chapters/ldm/from_picture.h"
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
    // a file or folder with the autoencoder; empty: the model's
    std::string vae;
    // TAESD's decoder; empty: none
    std::string taesd;
    bool taesd_preview_only = false;
    // empty: none
    std::string preview;
    int preview_interval = 1;
    std::string prompt, prompt_file, negative_prompt, grid;
    // whether one of the first two was given
    bool has_prompt = false;
    OutputOptions output;
    std::string save_latents, save_npz;
    // with --from
    std::optional<PictureOrigin> origin;
    SamplingOptions sampling;
    PromptOptions prompts;
    std::string device = "cpu", dtype = "f32", precision = "f32";
    std::vector<std::string> lora;
    std::optional<int> width, height;
    // -1: a random one
    std::string seed = "42";
    int batch_size = 0, threads = 0;
    bool vae_tiling = false;
    // in pixels; 0: the UNet sees the whole picture
    int patch_size = 0;
};

/// Adds all of them to a command: one grammar for every way to draw.
void add_drawing_options(CLI::App& command, DrawingOptions& options);

/// The seed that --seed says. Tells which was chosen for -1.
[[nodiscard]] std::uint64_t seed_of(const std::string& text);

/// Options given on the command line before those the model prefers before those of this program.
/// Neither prompts nor seeds are in it.
pipeline::Txt2ImgRequest request_template(const DrawingOptions& options,
                                          const pipeline::ModelSpec& spec,
                                          const Embeddings& embeddings);

/// Where everything goes; throws when something could not be written.
PicturePaths paths_of(const DrawingOptions& options, std::size_t count);

}  // namespace ldm::program
