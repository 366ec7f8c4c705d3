#include "chapters/09_training/verify_lora.h"

#include <fmt/format.h>

#include "chapters/09_training/lora/lora_parts.h"
#include "common/ops/transfer.h"

namespace ldm::train {
namespace {

/// config "layers": layer -> [{"strength" (1), "parts": ["lora_down", …]}, …], one for each LoRA.
/// in/<layer>.weight is the base, in/<layer>.<i>.<part> what the i-th file has of it;
/// out/<layer> the merged weight.
void lora_merge(verify::Run& run) {
    io::expect_only_keys(run.config(), {"layers"}, "config");
    const auto on_cpu = [&](const std::string& name) { return ops::to(run.in(name), Device::cpu); };
    const auto layers = io::get<io::Json>(run.config(), "layers");
    for (const auto& [layer, loras] : layers.items()) {
        std::vector<AddedLora> added;
        for (const io::Json& lora : loras) {
            io::expect_only_keys(lora, {"strength", "parts"}, layer);
            std::map<std::string, Tensor> parts;
            for (const auto& part : io::get<std::vector<std::string>>(lora, "parts"))
                parts[part] = on_cpu(fmt::format("{}.{}.{}", layer, added.size(), part));
            added.push_back(
                {{{layer, weight_change(std::move(parts))}}, io::get_or(lora, "strength", 1.0f)});
        }
        const Tensor weight = on_cpu(layer + ".weight");
        nn::Checkpoint model;
        model.add(layer, weight);
        merge(model, added);
        run.out(layer, model.root().get(layer, weight.shape()));
    }
}

}  // namespace

void register_lora(verify::Registry& registry) { registry["LoraMerge"] = lora_merge; }

}  // namespace ldm::train
