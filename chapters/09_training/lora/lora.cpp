#include "chapters/09_training/lora/lora.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

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

void expect_fits(const LoraLayer& layer, const Shape& weight, const std::string& name) {
    const auto [down, up] = std::pair{layer.down.shape(), layer.up.shape()};
    const bool matrices = down.size() >= 2 && up.size() >= 2 && weight.size() >= 2;
    if (!matrices || down[0] < 1 || element_count(up) != up[0] * down[0] || up[0] != weight[0] ||
        element_count(down) * up[0] != element_count(weight) * down[0])
        throw Error(fmt::format("'{}': up {} times down {} does not fit a weight {}", name,
                                to_string(up), to_string(down), to_string(weight)));
}

//! [change]
Tensor lora_change(const LoraLayer& layer, const Shape& weight) {
    const Tensor down = layer.down.reshape({layer.rank(), -1});  // [rank, in k k]
    const Tensor up = layer.up.reshape({-1, layer.rank()});      // [out, rank]
    const float scale = layer.alpha / static_cast<float>(layer.rank());
    return ops::matmul(up * scale, down).reshape(weight);  // [out, in, k, k]
}
//! [change]

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
        expect_fits(found->second, w.shape(), name);
        checkpoint.add(name, w.shape(), [w = w, layer = found->second] {
            return w + lora_change(layer, w.shape());
        });
    }
}
//! [add_weights]

void merge(nn::Checkpoint& model, const Lora& lora, float strength) {
    std::map<std::string, Shape> shapes;
    for (const std::string& name : model.names())
        // stays as it is
        model.reshape(name, [&](const Shape& s) { return shapes[name] = s; });
    for (const auto& [name, layer] : lora) {
        const auto weight = shapes.find(name);
        if (weight == shapes.end()) throw Error(fmt::format("the model has no weight '{}'", name));
        expect_fits(layer, weight->second, name);
    }

    const auto base = std::make_shared<nn::Checkpoint>();
    model.move_to(*base, [](const std::string& name) { return name; });
    for (const auto& [name, shape] : shapes) {
        const auto found = lora.find(name);
        const auto before = [base, name = name, shape = shape] {
            return base->root().get(name, shape);
        };
        if (found == lora.end())
            model.add(name, shape, before);
        else
            model.add(name, shape, [=, layer = found->second, shape = shape] {
                return before() + strength * lora_change(layer, shape);
            });
    }
}

}  // namespace ldm::train
