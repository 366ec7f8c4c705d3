#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "chapters/07_unet/block_names.h"
#include "chapters/08_ldm_pipeline/family_settings.h"
#include "chapters/09_training/lora/lora_file.h"
#include "common/ops/elementwise.h"
#include "tests/support/lora_files.h"

// LoRAs for few steps (LCM-LoRA, TCD-LoRA, Hyper-SD) change nearly all layers of the UNet. Here are
// files in their layouts, with every name that these have.

using namespace ldm;
using namespace ldm::train;
using test::close;
using test::HandMade;
using test::noise;
using test::Small;

namespace {

/// Diffusers' name of a layer, and the shape of its weight.
using Layers = std::vector<std::pair<std::string, Shape>>;

void add_resnet(Layers& layers, const std::string& name, std::int64_t in, std::int64_t out) {
    layers.push_back({name + ".conv1", {out, in, 3, 3}});
    layers.push_back({name + ".time_emb_proj", {out, 1280}});
    layers.push_back({name + ".conv2", {out, out, 3, 3}});
    if (in != out) layers.push_back({name + ".conv_shortcut", {out, in, 1, 1}});
}

void add_attention(Layers& layers, const std::string& name, std::int64_t width) {
    layers.push_back({name + ".proj_in", {width, width, 1, 1}});
    layers.push_back({name + ".proj_out", {width, width, 1, 1}});
    const std::string block = name + ".transformer_blocks.0.";
    for (const char* attention : {"attn1.", "attn2."}) {
        const std::int64_t context = attention == std::string("attn2.") ? 768 : width;
        layers.push_back({block + attention + "to_q", {width, width}});
        layers.push_back({block + attention + "to_k", {width, context}});
        layers.push_back({block + attention + "to_v", {width, context}});
        layers.push_back({block + attention + "to_out.0", {width, width}});
    }
    layers.push_back({block + "ff.net.0.proj", {8 * width, width}});
    layers.push_back({block + "ff.net.2", {width, 4 * width}});
}

/// The layers of Stable Diffusion 1.5's UNet as diffusers builds it: UNet2DConditionModel with
/// block_out_channels (320, 640, 1280, 1280) and layers_per_block 2.
Layers diffusers_layers() {
    Layers layers = {{"conv_in", {320, 4, 3, 3}},
                     {"time_embedding.linear_1", {1280, 320}},
                     {"time_embedding.linear_2", {1280, 1280}},
                     {"conv_out", {4, 320, 3, 3}}};
    const std::vector<std::int64_t> widths = {320, 640, 1280, 1280};
    std::vector<std::int64_t> skips = {320};
    std::int64_t channels = 320;
    for (int i = 0; i < 4; ++i) {
        const std::string block = "down_blocks." + std::to_string(i);
        for (int j = 0; j < 2; ++j) {
            add_resnet(layers, block + ".resnets." + std::to_string(j), channels, widths[i]);
            channels = widths[i];
            if (i < 3) add_attention(layers, block + ".attentions." + std::to_string(j), channels);
            skips.push_back(channels);
        }
        if (i == 3) break;
        layers.push_back({block + ".downsamplers.0.conv", {channels, channels, 3, 3}});
        skips.push_back(channels);
    }
    add_resnet(layers, "mid_block.resnets.0", channels, channels);
    add_attention(layers, "mid_block.attentions.0", channels);
    add_resnet(layers, "mid_block.resnets.1", channels, channels);
    for (int i = 0; i < 4; ++i) {
        const std::string block = "up_blocks." + std::to_string(i);
        for (int j = 0; j < 3; ++j) {
            add_resnet(layers, block + ".resnets." + std::to_string(j), channels + skips.back(),
                       widths[3 - i]);
            skips.pop_back();
            channels = widths[3 - i];
            if (i > 0) add_attention(layers, block + ".attentions." + std::to_string(j), channels);
        }
        if (i < 3) layers.push_back({block + ".upsamplers.0.conv", {channels, channels, 3, 3}});
    }
    REQUIRE(skips.empty());
    return layers;
}

std::string with_underscores(std::string name) {
    std::ranges::replace(name, '.', '_');
    return name;
}

/// Stable Diffusion 1.5's UNet with shapes and without numbers.
std::map<std::string, Shape> unet_shapes(const io::Json& config) {
    std::map<std::string, Shape> shapes;
    weights_of(
        [&](const nn::Params& p) {
            unet::UNetModel(p / "model" / "diffusion_model",
                            unet::Config::from_json(config.at("unet_config")));
        },
        [&](const std::string& name, const Shape& shape) {
            shapes[name] = shape;
            return Tensor::borrow(shape, nullptr, std::make_shared<int>());
        });
    return shapes;
}

/// A LoRA of rank 1 for these layers; `key` makes the start of a name in the file.
std::filesystem::path write(HandMade& file, const Layers& layers, const auto& key,
                            const std::string& down, const std::string& up, bool matrices) {
    for (const auto& [name, weight] : layers) {
        Shape thin = weight, wide(weight.size(), 1);
        thin[0] = 1, wide[0] = weight[0];
        if (matrices && weight.back() == 1) thin.resize(2), wide.resize(2);
        file.add(key(name) + down, Tensor::zeros(thin)).add(key(name) + up, Tensor::zeros(wide));
    }
    return file.write();
}

}  // namespace

TEST_CASE("LCM-LoRA, TCD-LoRA and Hyper-SD: every layer of Stable Diffusion 1.5 has its name") {
    const io::Json config = pipeline::sd1_settings();
    const auto shapes = unet_shapes(config);
    nn::Checkpoint model;
    for (const auto& [name, shape] : shapes) model.add(name, shape, [] { return Tensor(); });
    const Layers layers = diffusers_layers();
    // the 278 of LCM-LoRA, and four that only others have
    CHECK(layers.size() == 282);
    const auto check = [&](const std::filesystem::path& path) {
        const WeightChanges changes = read_lora(path, model, config);
        CHECK(changes.size() == layers.size());
        for (const auto& [name, change] : changes) {
            INFO(name);
            CHECK(misfit_of(change, shapes.at(name)) == "");
        }
    };
    const auto names = unet::module_names(unet::Config::from_json(config.at("unet_config")));
    const std::string down = ".lora_down.weight", up = ".lora_up.weight";
    HandMade kohya, compvis, peft, processors;
    check(write(
        kohya, layers, [](const auto& name) { return "lora_unet_" + with_underscores(name); }, down,
        up, false));
    check(write(
        compvis, layers,
        [&](const auto& name) {
            return "lora_unet_" + with_underscores(unet::to_compvis(names, name).value());
        },
        down, up, false));
    // proj_in and proj_out as matrices, which the model has as convolutions
    check(write(
        peft, layers, [](const auto& name) { return "unet." + name; }, ".lora_A.weight",
        ".lora_B.weight", true));
    check(write(
        processors, layers, [](const auto& name) { return name; }, ".lora.down.weight",
        ".lora.up.weight", false));
}

TEST_CASE("a file with CompVis's names changes the layers that those name, and no other") {
    const Small small;
    nn::Checkpoint model;
    add_weights(small.weights, model);
    const std::string unet = "model.diffusion_model.", weight = ".weight";
    HandMade file;
    std::map<std::string, LoraLayer> expected;
    int seed = 0;
    for (const auto& [name, w] : small.weights) {
        if (!name.starts_with(unet) || !name.ends_with(weight) || w.rank() < 2) continue;
        Shape down = w.shape(), up(w.rank(), 1);
        down[0] = 2, up[0] = w.dim(0), up[1] = 2;
        const LoraLayer layer{noise(down, ++seed), noise(up, ++seed), 2.0f};
        const std::string key =
            "lora_unet_" +
            with_underscores(name.substr(unet.size(), name.size() - unet.size() - weight.size()));
        file.add(key + ".lora_down.weight", layer.down).add(key + ".lora_up.weight", layer.up);
        expected[name] = layer;
    }
    const WeightChanges changes = read_lora(file.write(), model, small.config);
    CHECK(changes.size() == expected.size());
    merge(model, {{changes}});
    for (const auto& [name, w] : small.weights) {
        const auto layer = expected.find(name);
        INFO(name);
        CHECK(close(model.root().get(name, w.shape()),
                    layer == expected.end() ? w : w + layer->second.change(w.shape()), 0.0) == "");
    }
}
