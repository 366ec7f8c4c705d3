#include "chapters/09_training/losses/lpips_weights.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <memory>

#include "chapters/09_training/losses/vgg16.h"
#include "common/io/tensor_file.h"

namespace ldm::train {
namespace {

namespace fs = std::filesystem;

/// The names and shapes of all that LPIPS needs.
std::map<std::string, Shape> wanted_weights() {
    std::map<std::string, Shape> wanted;
    for (const auto& [slice, index, in, out] : vgg16_layers) {
        wanted[fmt::format("net.slice{}.{}.weight", slice, index)] = {out, in, 3, 3};
        wanted[fmt::format("net.slice{}.{}.bias", slice, index)] = {out};
    }
    for (int k = 0; k < Vgg16::slices; ++k)
        wanted[fmt::format("lin{}.model.1.weight", k)] = {1, Vgg16::channels[k], 1, 1};
    wanted["scaling_layer.shift"] = wanted["scaling_layer.scale"] = {1, 3, 1, 1};
    return wanted;
}

/// What a tensor of a file is called in LPIPS, if it belongs there: "features.5.bias" is
/// "net.slice2.5.bias".
std::string name_in_lpips(std::string name) {
    for (const std::string outer : {"loss.", "perceptual_loss."})
        if (name.starts_with(outer)) name.erase(0, outer.size());
    const std::string torchvision = "features.";
    if (!name.starts_with(torchvision)) return name;
    // "5.bias"
    const std::string rest = name.substr(torchvision.size());
    int index = -1;
    std::from_chars(rest.data(), rest.data() + rest.size(), index);
    for (const Vgg16Layer& layer : vgg16_layers)
        if (layer.index == index) return fmt::format("net.slice{}.{}", layer.slice, rest);
    return name;
}

/// "vgg16.safetensors, lin.safetensors"
std::string list(const std::vector<fs::path>& files) {
    std::string names;
    for (const fs::path& file : files) names += (names.empty() ? "" : ", ") + file.string();
    return names;
}

/// Adds what belongs to LPIPS and takes it off the list of what is missing.
void add_from(nn::Checkpoint& checkpoint, const fs::path& file, const std::string& prefix,
              std::map<std::string, Shape>& missing) {
    static const std::map<std::string, Shape> all = wanted_weights();
    const io::TensorFile opened = io::open_tensor_file(file);
    const auto source = std::make_shared<nn::Checkpoint>();
    source->add(opened);
    for (const io::TensorEntry& entry : opened.entries()) {
        const std::string name = name_in_lpips(entry.name);
        const auto found = all.find(name);
        if (found == all.end() || !source->contains(entry.name)) continue;
        const Shape shape = found->second;
        if (!missing.contains(name))
            throw Error(fmt::format("{}: '{}' is here twice, or in another file as well",
                                    file.string(), entry.name));
        if (entry.shape != shape)
            throw Error(fmt::format("{}: '{}' is {}, expected {}", file.string(), entry.name,
                                    to_string(entry.shape), to_string(shape)));
        checkpoint.add(prefix + name, shape, [source, key = entry.name, shape] {
            return source->root().get(key, shape);
        });
        missing.erase(name);
    }
}

}  // namespace

void add_lpips_weights(nn::Checkpoint& checkpoint, const std::vector<fs::path>& files,
                       const std::string& prefix) {
    auto missing = wanted_weights();
    for (const fs::path& file : files) add_from(checkpoint, file, prefix, missing);

    if (missing.erase("scaling_layer.shift"))
        checkpoint.add(prefix + "scaling_layer.shift",
                       Tensor::from({1, 3, 1, 1}, {-0.030f, -0.088f, -0.188f}));
    if (missing.erase("scaling_layer.scale"))
        checkpoint.add(prefix + "scaling_layer.scale",
                       Tensor::from({1, 3, 1, 1}, {0.458f, 0.448f, 0.450f}));
    if (missing.empty()) return;

    const bool no_lin = missing.contains("lin0.model.1.weight");
    const bool no_vgg = missing.contains("net.slice1.0.weight");
    throw Error(fmt::format(
        "{}: LPIPS lacks {} weights, the first is '{}'; {}", list(files), missing.size(),
        missing.begin()->first,
        no_vgg ? "VGG16 comes as torchvision's features.0.weight … or as net.slice1.0.weight …"
        : no_lin
            ? "the weights of the five slices come as lin0.model.1.weight … lin4.model.1.weight"
            : "a file is incomplete"));
}

}  // namespace ldm::train
