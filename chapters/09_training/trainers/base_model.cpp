#include "chapters/09_training/trainers/base_model.h"

#include <list>

#include "chapters/08_ldm_pipeline/open_model.h"
#include "common/io/atomic_file.h"
#include "common/io/half.h"
#include "common/io/safetensors.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

namespace fs = std::filesystem;

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

nn::ModelSource open_base_model(const fs::path& path) {
    pipeline::OpenedModel model = pipeline::open_model(path);
    // one of ours may be half done
    if (model.source.layout() != nn::ModelSource::Layout::folder)
        model.spec.expect_supported(path.string());
    return std::move(model.source);
}

void write_model_folder(const fs::path& folder, const nn::ModelSource& base, const io::Json& config,
                        const Weights& weights, const std::string& merges) {
    io::Json all = base.config();
    all.update(config);
    all["format"] = "ldm-model v1";

    Halves halves;
    for (const auto& [name, weight] : base.checkpoint().load_all())
        if (!weights.contains(name)) halves.add(name, weight);
    for (const auto& [name, weight] : weights) halves.add(name, weight);

    io::make_folder(folder);
    if (const std::string text = merges.empty() ? base.merges_text() : merges; !text.empty())
        io::write_text_file(folder / "merges.txt", text);
    io::write_safetensors(folder / "model.safetensors", halves.entries(), {{"format", "pt"}});
    io::write_json(folder / "config.json", all);
}

}  // namespace ldm::train
