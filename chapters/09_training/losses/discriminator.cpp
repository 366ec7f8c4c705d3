#include "chapters/09_training/losses/discriminator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/ops/elementwise.h"

namespace ldm::train {
namespace {

using Config = NLayerDiscriminator::Config;

/// One of the convolutions with a norm behind it: where it stands in `main`, and its size.
struct LayerShape {
    int index;
    int in, out;
    int stride;
};

std::vector<LayerShape> layer_shapes(const Config& config) {
    expect(config.n_layers >= 1,
           fmt::format("'n_layers' is {}, expected 1 or more", config.n_layers));
    std::vector<LayerShape> shapes;
    int in = config.ndf;
    for (int n = 1; n <= config.n_layers; ++n) {
        const int out = config.ndf * (1 << std::min(n, 3));
        shapes.push_back({3 * n - 1, in, out, n < config.n_layers ? 2 : 1});
        in = out;
    }
    return shapes;
}

/// Of the last convolution, and of what goes into it.
int last_index(const Config& config) { return 3 * config.n_layers + 2; }
int last_width(const Config& config) { return layer_shapes(config).back().out; }

nn::Conv2dShape patch(int stride, nn::Bias bias = nn::Bias::yes) {
    return {.kernel = 4, .stride = stride, .padding = ops::Padding::all(1), .bias = bias};
}

}  // namespace

NLayerDiscriminator::NLayerDiscriminator(const nn::Params& weights, const Config& config)
    : conv_in_(weights / "main" / 0, config.input_nc, config.ndf, patch(2)),
      conv_out_(weights / "main" / last_index(config), last_width(config), 1, patch(1)) {
    const nn::Params main = weights / "main";
    // A batch norm subtracts whatever a bias adds.
    const nn::Bias bias = config.use_actnorm ? nn::Bias::yes : nn::Bias::no;
    for (const auto& [index, in, out, stride] : layer_shapes(config)) {
        const Norm norm = config.use_actnorm ? Norm(ActNorm(main / (index + 1), out))
                                             : Norm(BatchNorm2d(main / (index + 1), out));
        layers_.push_back({nn::Conv2d(main / index, in, out, patch(stride, bias)), norm});
    }
}

//! [forward]
Tensor NLayerDiscriminator::operator()(const Tensor& x, Mode mode) {
    const auto leaky = [](const Tensor& h) { return ops::leaky_relu(h, 0.2f); };
    Tensor h = leaky(conv_in_(x));  // [N, ndf, H / 2, W / 2]
    for (auto& [conv, norm] : layers_)
        h = leaky(std::visit([&](auto& normalize) { return normalize(conv(h), mode); }, norm));
    return conv_out_(h);  // [N, 1, h, w]
}
//! [forward]

void add_new_discriminator(nn::Checkpoint& checkpoint, const std::string& prefix,
                           const Config& config, random::TorchGenerator& noise) {
    const auto add = [&](const std::string& name, const Tensor& weight) {
        checkpoint.add(prefix + "main." + name, weight);
    };
    const auto normal = [&](const Shape& shape, float mean) {
        Tensor weight(shape);
        noise.normal(weight.values());
        for (float& value : weight.values()) value = mean + 0.02f * value;
        return weight;
    };
    const auto add_conv = [&](int index, int in, int out, bool bias) {
        add(fmt::format("{}.weight", index), normal({out, in, 4, 4}, 0.0f));
        if (!bias) return;
        Tensor values({out});
        noise.uniform(values.values());
        const float bound = 1.0f / std::sqrt(16.0f * static_cast<float>(in));
        for (float& value : values.values()) value = bound * (2.0f * value - 1.0f);
        add(fmt::format("{}.bias", index), values);
    };

    add_conv(0, config.input_nc, config.ndf, true);
    for (const auto& [index, in, out, stride] : layer_shapes(config)) {
        add_conv(index, in, out, config.use_actnorm);
        const std::string norm = std::to_string(index + 1);
        if (config.use_actnorm) {
            add(norm + ".loc", Tensor::zeros({1, out, 1, 1}));
            add(norm + ".scale", Tensor::full({1, out, 1, 1}, 1.0f));
            add(norm + ".initialized", Tensor::scalar(0.0f));
        } else {
            add(norm + ".weight", normal({out}, 1.0f));
            add(norm + ".bias", Tensor::zeros({out}));
            add(norm + ".running_mean", Tensor::zeros({out}));
            add(norm + ".running_var", Tensor::full({out}, 1.0f));
            add(norm + ".num_batches_tracked", Tensor::scalar(0.0f));
        }
    }
    add_conv(last_index(config), last_width(config), 1, true);
}

bool is_buffer(std::string_view name) {
    constexpr std::array<std::string_view, 4> buffers = {"running_mean", "running_var",
                                                         "num_batches_tracked", "initialized"};
    return std::ranges::any_of(buffers, [&](std::string_view end) { return name.ends_with(end); });
}

}  // namespace ldm::train
