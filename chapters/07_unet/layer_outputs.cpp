#include "chapters/07_unet/layer_outputs.h"

#include <fmt/format.h>

#include "chapters/07_unet/block_names.h"
#include "common/report/table.h"

namespace ldm::unet {
namespace {

std::string parts_of(const Block& block) {
    std::string text;
    for (const Part& part : block.parts) text += (text.empty() ? "" : ", ") + describe(part);
    return text;
}

std::string diffusers_block(const std::vector<PartName>& names, const std::string& key) {
    for (const PartName& name : names)
        if (name.compvis.starts_with(key + ".")) return name.diffusers_block;
    return "";
}

}  // namespace

std::vector<LayerOutput> layer_outputs(const UNetModel& unet, const Trace& trace) {
    const Layout u = layout(unet.config());
    const std::vector<PartName> names = part_names(unet.config());
    std::vector<LayerOutput> steps;
    const auto visit = [&](const Block& block) {
        const std::string path = unet.path().empty() ? block.key : unet.path() + "." + block.key;
        Tensor y = trace.find(path);
        expect(static_cast<bool>(y), "the trace has no '" + path + "'");
        steps.push_back({block, diffusers_block(names, block.key), y});
    };
    for (const Block& block : u.input) visit(block);
    visit(u.middle);
    for (const Block& block : u.output) visit(block);
    return steps;
}

std::string layer_outputs_table(const std::vector<LayerOutput>& steps) {
    report::Table table({"block", "in diffusers", "parts", "skip", "output C x H x W"});
    for (const LayerOutput& step : steps) {
        const auto [n, channels, height, width] = step.y.dims<4>();
        table.add({step.block.key, step.diffusers, parts_of(step.block),
                   step.block.skip > 0 ? fmt::format("+ {}", step.block.skip) : "",
                   fmt::format("{} x {} x {}", channels, height, width)});
    }
    return table.text();
}

}  // namespace ldm::unet
