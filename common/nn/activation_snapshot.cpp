#include "common/nn/activation_snapshot.h"

#include <fmt/format.h>

#include <vector>

#include "common/io/json.h"
#include "common/io/safetensors.h"
#include "common/ops/transfer.h"

namespace ldm::nn {
namespace {

std::filesystem::path file_of(const std::filesystem::path& model_folder) {
    return model_folder / "activations.safetensors";
}

}  // namespace

const Tensor& ActivationSnapshot::at(const std::string& name) const {
    const auto found = tensors.find(name);
    if (found != tensors.end()) return found->second;
    std::string names;
    for (const auto& [other, _] : tensors) names += (names.empty() ? "" : ", ") + other;
    throw Error(fmt::format("the stored activation snapshot has no '{}', but {}", name, names));
}

ActivationSnapshot read_activation_snapshot(const std::filesystem::path& model_folder,
                                            Device device) {
    const io::TensorFile file = io::open_safetensors(file_of(model_folder));
    const auto about = file.metadata().find("snapshot");
    if (about == file.metadata().end())
        throw Error(file.path().string() + ": no 'snapshot' in its metadata");
    const io::Json json = io::parse_json(about->second, file.path().string());

    ActivationSnapshot snapshot{.caption = io::get<std::string>(json, "caption"),
                                .example = io::get<int>(json, "example"),
                                .t = io::get<int>(json, "t")};
    for (const io::TensorEntry& entry : file.entries())
        snapshot.tensors[entry.name] =
            ops::to(Tensor::from(entry.shape, io::read_floats(entry)), device);
    return snapshot;
}

void write_activation_snapshot(const std::filesystem::path& model_folder,
                               const ActivationSnapshot& snapshot) {
    // an entry only points to its numbers
    std::vector<Tensor> here;
    std::vector<io::TensorEntry> entries;
    for (const auto& [name, x] : snapshot.tensors) {
        here.push_back(ops::to(x, Device::cpu));
        entries.push_back(io::entry_of(name, x.shape(), here.back().values()));
    }
    const io::Json about = {
        {"caption", snapshot.caption}, {"example", snapshot.example}, {"t", snapshot.t}};
    io::write_safetensors(file_of(model_folder), entries, {{"snapshot", about.dump()}});
}

}  // namespace ldm::nn
