#include "chapters/09_training/lora/lora.h"

#include <fmt/format.h>

#include <algorithm>

#include "chapters/09_training/optimizer/initial_weights.h"
#include "common/ops/elementwise.h"
#include "common/ops/matmul.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

constexpr std::string_view ending = ".weight";

/// "….to_q.weight" -> "….to_q"
std::string layer_of(const std::string& weight) {
    return weight.substr(0, weight.size() - ending.size());
}

}  // namespace

//! [change]
Tensor LoraLayer::change(const Shape& weight) const {
    const Tensor a = down.reshape({rank(), -1});  // [rank, in k k]
    const Tensor b = up.reshape({-1, rank()});    // [out, rank]
    const float scale = alpha / static_cast<float>(rank());
    return ops::matmul(b * scale, a).reshape(weight);  // [out, in, k, k]
}
//! [change]

std::string LoraLayer::misfit(const Shape& weight) const {
    const auto [a, b] = std::pair{down.shape(), up.shape()};
    const bool matrices = a.size() >= 2 && b.size() >= 2 && weight.size() >= 2;
    if (matrices && a[0] >= 1 && element_count(b) == b[0] * a[0] && b[0] == weight[0] &&
        element_count(a) * b[0] == element_count(weight) * a[0])
        return "";
    return fmt::format("up {} times down {} does not fit a weight {}", to_string(b), to_string(a),
                       to_string(weight));
}

std::function<bool(const std::string&)> layers_with(std::vector<std::string> parts) {
    return [parts = std::move(parts)](const std::string& name) {
        return name.ends_with(ending) && std::ranges::any_of(parts, [&](const std::string& part) {
                   return name.find(part) != std::string::npos;
               });
    };
}

Lora initial_lora(const Weights& weights, const std::function<bool(const std::string&)>& chosen,
                  int rank, float alpha, std::uint64_t seed) {
    expect(rank >= 1, fmt::format("the rank of a LoRA is {}, expected 1 or more", rank));
    const MakeWeight down_weight = initial_weights({}, seed);
    Lora lora;
    for (const auto& [name, w] : weights) {
        if (w.rank() < 2 || !chosen(name)) continue;
        Shape down = w.shape(), up(w.rank(), 1);
        down[0] = rank;
        up[0] = w.dim(0), up[1] = rank;
        lora[name] = {ops::to(down_weight(layer_of(name) + ".lora_down.weight", down), w.device()),
                      ops::to(Tensor::zeros(up), w.device()), alpha};
    }
    expect(!lora.empty(), "no layer of the network was chosen for the LoRA");
    return lora;
}

Weights trained_weights(const Lora& lora) {
    Weights trained;
    for (const auto& [name, layer] : lora) {
        trained.emplace(layer_of(name) + ".lora_down.weight", layer.down);
        trained.emplace(layer_of(name) + ".lora_up.weight", layer.up);
    }
    return trained;
}

//! [add_weights]
void add_weights(const Weights& weights, const Lora& lora, nn::Checkpoint& checkpoint) {
    for (const auto& [name, w] : weights) {
        const auto found = lora.find(name);
        if (found == lora.end()) {
            checkpoint.add(name, w);
            continue;
        }
        if (const std::string misfit = found->second.misfit(w.shape()); !misfit.empty())
            throw Error(fmt::format("'{}': {}", name, misfit));
        checkpoint.add(name, w.shape(),
                       [w = w, layer = found->second] { return w + layer.change(w.shape()); });
    }
}
//! [add_weights]

}  // namespace ldm::train
