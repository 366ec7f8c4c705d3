#include "chapters/09_training/trainers/model_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <list>

#include "common/io/atomic_file.h"
#include "common/io/half.h"
#include "common/io/safetensors.h"
#include "common/io/source_tree.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

namespace fs = std::filesystem;

nn::Params below(nn::Params params, const std::string& path) {
    std::size_t begin = 0;
    while (begin <= path.size()) {
        const std::size_t end = std::min(path.find('.', begin), path.size());
        params = params / path.substr(begin, end - begin);
        begin = end + 1;
    }
    return params;
}

/// Weights as f16, ready to be written.
class Halves {
public:
    void add(const std::string& name, const Tensor& anywhere) {
        const Tensor weight = ops::to(anywhere, Device::cpu);
        std::vector<std::uint16_t>& half = memory_.emplace_back(weight.size());
        io::float_to_half(weight.values(), half);
        entries_.push_back({name, io::DType::f16, weight.shape(), std::as_bytes(std::span(half))});
    }
    const std::vector<io::TensorEntry>& entries() const { return entries_; }

private:
    std::list<std::vector<std::uint16_t>> memory_;
    std::vector<io::TensorEntry> entries_;
};

}  // namespace

ModelParts::ModelParts(const fs::path& path) : files_(pipeline::open_model(path)) {}

ModelParts::ModelParts(io::Json config, std::unique_ptr<nn::Checkpoint> weights)
    : files_(pipeline::ModelFiles{.kind = pipeline::ModelKind::folder,
                                  .path = {},
                                  .config = std::move(config),
                                  .checkpoint = std::move(weights),
                                  .weight_files = {}}) {}

void ModelParts::use(Device device) {
    if (files_) files_->checkpoint->use({.device = device});
}

io::Json ModelParts::setting(const std::string& key) const {
    return files_ ? io::get_or(files_->config, key, io::Json::object()) : io::Json::object();
}

bool ModelParts::has(const std::string& prefix) const {
    return files_ && files_->checkpoint->count(prefix + ".").first > 0;
}

nn::Params ModelParts::weights(const std::string& path) const {
    if (!files_)
        throw Error(fmt::format("there is no model to take '{}' from: name one with --init", path));
    return below(files_->checkpoint->root(), path);
}

text::ClipTokenizer ModelParts::tokenizer() const {
    if (!files_) throw Error("there is no model to take the vocabulary from: name one with --init");
    return files_->path.empty() ? text::ClipTokenizer({}) : files_->tokenizer();
}

void ModelParts::check() const {
    if (files_)
        files_->checkpoint->check(files_->path.empty() ? "the model" : files_->path.string());
}

fs::path ModelParts::merges_file() const {
    if (files_->path.empty()) return {};
    switch (files_->kind) {
        case pipeline::ModelKind::folder:
            return files_->path / "merges.txt";
        case pipeline::ModelKind::single_file:
            return io::in_source_tree("reference_data/clip_bpe/merges.txt");
        case pipeline::ModelKind::diffusers:
            return files_->path / "tokenizer/merges.txt";
    }
    fail("no such kind of model");
}

void ModelParts::write(const fs::path& folder, const io::Json& config, const Weights& weights,
                       const fs::path& merges) const {
    io::Json all = files_ ? files_->config : io::Json::object();
    all.update(config);
    all["format"] = "ldm-model v1";

    Halves halves;
    if (files_)
        for (const auto& [name, weight] : files_->checkpoint->load_all())
            if (!weights.contains(name)) halves.add(name, weight);
    for (const auto& [name, weight] : weights) halves.add(name, weight);

    fs::create_directories(folder);
    const fs::path vocabulary = merges.empty() && files_ ? merges_file() : merges;
    if (!vocabulary.empty() && fs::exists(vocabulary))
        io::write_text_file(folder / "merges.txt", io::read_text_file(vocabulary));
    io::write_safetensors(folder / "model.safetensors", halves.entries(), {{"format", "pt"}});
    io::write_json(folder / "config.json", all);
}

}  // namespace ldm::train
