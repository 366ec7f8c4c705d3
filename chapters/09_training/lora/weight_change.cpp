#include "chapters/09_training/lora/weight_change.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "chapters/09_training/lora/dora.h"
#include "common/ops/elementwise.h"
#include "common/ops/precision.h"

namespace ldm::train {

Tensor change_of(const WeightChange& change, const Tensor& weight) {
    const Tensor added = std::visit(
        [&](const auto& family) { return family.change(weight.shape()); }, change.family);
    return change.dora_magnitude ? dora_change(weight, added, change.dora_magnitude) : added;
}

std::string misfit_of(const WeightChange& change, const Shape& weight) {
    std::string misfit =
        std::visit([&](const auto& family) { return family.misfit(weight); }, change.family);
    if (misfit.empty() && change.dora_magnitude)
        misfit = dora_misfit(change.dora_magnitude.shape(), weight);
    return misfit;
}

//! [merge]
void merge(nn::Checkpoint& model, const std::vector<AddedLora>& loras) {
    std::map<std::string, Shape> shapes;
    for (const std::string& name : model.names())
        // stays as it is
        model.reshape(name, [&](const Shape& s) { return shapes[name] = s; });
    std::map<std::string, std::vector<std::pair<WeightChange, float>>> changes;
    for (const AddedLora& lora : loras)
        for (const auto& [name, change] : lora.changes) {
            const std::string from = lora.name.empty() ? "" : lora.name + ": ";
            const auto weight = shapes.find(name);
            if (weight == shapes.end())
                throw Error(fmt::format("{}the model has no weight '{}'", from, name));
            if (const std::string misfit = misfit_of(change, weight->second); !misfit.empty())
                throw Error(fmt::format("{}'{}': {}", from, name, misfit));
            changes[name].emplace_back(change, lora.strength);
        }

    const auto base = std::make_shared<nn::Checkpoint>();
    model.move_to(*base, [](const std::string& name) { return name; });
    for (const auto& [name, shape] : shapes)
        model.add(name, shape, [=, name = name, shape = shape, changes = changes[name]] {
            // whatever the network will compute with, weights are not rounded
            const ops::WithPrecision exact(ops::Precision::f32);
            const Tensor weight = base->root().get(name, shape);
            Tensor sum = weight;
            for (const auto& [change, strength] : changes)
                sum = sum + strength * change_of(change, weight);
            return sum;
        });
}
//! [merge]

}  // namespace ldm::train
