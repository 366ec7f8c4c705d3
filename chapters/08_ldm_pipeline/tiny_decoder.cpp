#include "chapters/08_ldm_pipeline/tiny_decoder.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/autograd/trace.h"
#include "common/io/tensor_file.h"
#include "common/ops/elementwise.h"
#include "common/ops/resample.h"

namespace ldm::pipeline {
namespace {

constexpr nn::Conv2dShape without_bias{.bias = nn::Bias::no};

/// The number that a key of nn.Sequential begins with; -1 for another key.
int layer_of(const std::string& key) {
    const std::size_t end = key.find('.');
    const bool is_number = end != key.npos && end > 0 && end < 4 &&
                           std::all_of(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(end),
                                       [](char c) { return c >= '0' && c <= '9'; });
    return is_number ? std::stoi(key.substr(0, end)) : -1;
}

/// A key of a file as taesd_decoder has it; empty for one that is not the decoder's.
std::string decoder_key(const std::string& key) {
    constexpr std::string_view whole = "decoder.", diffusers = "decoder.layers.";
    if (key.starts_with(diffusers)) {
        const std::string rest = key.substr(diffusers.size());
        const int layer = layer_of(rest);
        return layer < 0 ? "" : std::to_string(layer + 1) + rest.substr(rest.find('.'));
    }
    const std::string rest = key.starts_with(whole) ? key.substr(whole.size()) : key;
    return layer_of(rest) < 0 ? "" : rest;
}

}  // namespace

TinyDecoder::Config TinyDecoder::Config::from_json(const io::Json& json) {
    Config config;
    constexpr int most = 1 << 12;
    config.latent_channels =
        io::get_in_or(json, "latent_channels", 1, most, config.latent_channels);
    if (io::has(json, "num_decoder_blocks"))
        config.blocks = io::get_list_in(json, "num_decoder_blocks", 1, 64, 16);
    if (io::has(json, "decoder_block_out_channels")) {
        const auto widths = io::get_list_in(json, "decoder_block_out_channels", 1, most, 16);
        if (widths.size() != config.blocks.size() ||
            std::ranges::any_of(widths, [&](int width) { return width != widths.front(); }))
            throw Error(
                "TinyDecoder: all 'decoder_block_out_channels' must be the same, one for "
                "each of 'num_decoder_blocks'");
        config.channels = widths.front();
    }
    return config;
}

TinyDecoder::Block::Block(const nn::Params& weights, int channels)
    : conv1_(weights / "conv" / 0, channels, channels),
      conv2_(weights / "conv" / 2, channels, channels),
      conv3_(weights / "conv" / 4, channels, channels) {}

//! [forward]
Tensor TinyDecoder::Block::operator()(const Tensor& x) const {
    return ops::relu(conv3_(ops::relu(conv2_(ops::relu(conv1_(x))))) + x);
}

TinyDecoder::TinyDecoder(const nn::Params& weights, const Config& config) : path_(weights.path()) {
    const int width = config.channels;
    // upstream's first layer is the tanh
    const auto next = [&] { return weights / static_cast<int>(layers_.size() + 1); };
    layers_.emplace_back(nn::Conv2d(next(), config.latent_channels, width));
    layers_.emplace_back(Relu{});
    for (std::size_t level = 0; level < config.blocks.size(); ++level) {
        const bool last = level + 1 == config.blocks.size();
        for (int i = 0; i < config.blocks[level]; ++i) layers_.emplace_back(Block(next(), width));
        if (!last) layers_.emplace_back(Upsample{});
        layers_.emplace_back(last ? nn::Conv2d(next(), width, 3)
                                  : nn::Conv2d(next(), width, width, without_bias));
    }
}

Tensor TinyDecoder::operator()(const Tensor& z) const {
    Tensor h = 3.0f * ops::tanh(z / 3.0f);
    for (const auto& layer : layers_) {
        if (const auto* conv = std::get_if<nn::Conv2d>(&layer)) h = (*conv)(h);
        if (const auto* block = std::get_if<Block>(&layer)) h = (*block)(h);
        if (std::holds_alternative<Relu>(layer)) h = ops::relu(h);
        if (std::holds_alternative<Upsample>(layer)) h = ops::upsample_nearest(h, 2);
    }
    // it draws in [0, 1]
    return traced(path_, h * 2.0f + -1.0f);
}
//! [forward]

std::unique_ptr<TinyDecoder> open_tiny_decoder(const std::filesystem::path& path,
                                               int latent_channels, Device device) {
    const io::TensorFile given = io::open_tensor_file(path);
    const io::TensorFile file = given.replaced([](io::TensorEntry entry) {
        entry.name = decoder_key(entry.name);
        return entry.name.empty() ? std::vector<io::TensorEntry>{} : std::vector{entry};
    });
    const io::TensorEntry* first = file.find("1.weight");
    if (!first || first->shape.size() != 4 || !file.contains("3.conv.0.weight"))
        throw Error(
            fmt::format("{} is no TAESD: it has no decoder of that kind (taesd_decoder, or "
                        "the whole autoencoder of diffusers' AutoencoderTiny)",
                        path.string()));
    if (first->shape[1] != latent_channels)
        throw Error(fmt::format("{} decodes latents of {} channels, this model's have {}",
                                path.string(), first->shape[1], latent_channels));
    nn::Checkpoint weights;
    weights.add(file);
    weights.use({.device = device});
    auto decoder = std::make_unique<TinyDecoder>(
        weights.root(), TinyDecoder::Config{.latent_channels = latent_channels});
    weights.check(path.string());
    return decoder;
}

}  // namespace ldm::pipeline
