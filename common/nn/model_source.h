#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/json.h"
#include "common/nn/params.h"
#include "common/text/clip_tokenizer.h"

namespace ldm::nn {

/// Where a model's settings, tensors and vocabulary are, whatever it looks like on the disk. Its
/// settings are those of our config.json, which are upstream's words; its weights go by CompVis's
/// names, those of a single-file SD 1.x checkpoint. Nothing but headers is read until a network
/// asks for its weights.
///
/// Chapter 02 to 07 open a folder of this project (open_folder); chapter 08 knows the other layouts
/// and tells from the headers what a model is (pipeline::open_model, pipeline::ModelSpec).
class ModelSource {
public:
    enum class Layout {
        /// nothing: no settings, no weights, no vocabulary
        none,
        /// on no disk
        memory,
        /// ours: config.json, model.safetensors, merges.txt
        folder,
        /// one .safetensors or .ckpt
        single_file,
        /// a folder with unet/, vae/, text_encoder/, tokenizer/, scheduler/
        diffusers,
    };

    struct Parts {
        Layout layout = Layout::none;
        std::filesystem::path path;
        io::Json config = io::Json::object();
        std::unique_ptr<Checkpoint> checkpoint = std::make_unique<Checkpoint>();
        std::vector<std::filesystem::path> weight_files = {};
        /// empty, and no tokenizer_json: CLIP's own vocabulary, which is part of the program
        std::filesystem::path merges = {};
        /// empty: token ids follow from merges.txt
        std::filesystem::path vocab_json = {};
        /// both in one file, where there is no merges.txt
        std::filesystem::path tokenizer_json = {};
    };

    /// Nothing, for a training that begins with nothing.
    ModelSource() = default;

    explicit ModelSource(Parts parts) : parts_(std::move(parts)) {}

    /// A model on no disk. Its vocabulary has no merges: 256 bytes, 256 that end a word, start,
    /// end.
    ModelSource(io::Json config, std::unique_ptr<Checkpoint> checkpoint);

    Layout layout() const { return parts_.layout; }
    const std::filesystem::path& path() const { return parts_.path; }
    const std::vector<std::filesystem::path>& weight_files() const { return parts_.weight_files; }

    /// The name for messages: the path as it was given, or "the model" where there is none.
    std::string name() const;

    const io::Json& config() const { return parts_.config; }

    /// config()[key]; an empty object if it is absent.
    io::Json setting(std::string_view key) const;

    Checkpoint& checkpoint() const { return *parts_.checkpoint; }

    /// From now on hands out weights on that device, in that type.
    void use(Checkpoint::Place place) { checkpoint().use(place); }

    /// Where the weights are, and so where a network wants its inputs.
    Device device() const { return checkpoint().place().device; }

    /// The root of the weights: `weights() / "first_stage_model"` is the autoencoder.
    Params weights() const { return checkpoint().root(); }

    /// Those below a name, "model.diffusion_model".
    Params weights(std::string_view path) const { return weights() / path; }

    /// Whether there are weights below that name, "model.diffusion_model".
    bool has(std::string_view prefix) const;

    /// The vocabulary of the text tower. Throws an Error where there is no model to take it from
    /// (Layout::none), and for a merges or vocabulary file that is missing or malformed.
    text::ClipTokenizer tokenizer() const;

    /// The text of its merges file, for a copy; empty if it has none.
    std::string merges_text() const;

    /// Throws an Error if weights that were asked for are missing or have another shape
    /// (Checkpoint::check).
    void check() const;

private:
    Parts parts_;
};

/// A model as this project ships and trains it: a folder with `config.json`, `model.safetensors`
/// and `merges.txt`. It hands out its weights on `device`. Parts may lie in another model's folder:
///
///     "ckpt_paths": {"first_stage_model": "../emoji"}
///
/// names it, relative to this one, by the prefix of their weights. Throws an Error if config.json
/// or a model.safetensors is missing or malformed; a missing merges.txt is an Error of tokenizer().
ModelSource open_folder(const std::filesystem::path& folder, Device device = Device::cpu);

/// The folder of the small emoji model that the chapters use; in the data folder, which the
/// environment variable LDM_DATA overrides.
std::filesystem::path shipped_model();

}  // namespace ldm::nn
