#include "chapters/12_conditioners/encoder_unet.h"

#include <fmt/format.h>

#include "chapters/01_ddpm/time_embedding.h"
#include "common/error.h"
#include "common/ops/elementwise.h"
#include "common/ops/reduce.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::conditioners {
namespace {

constexpr float eps = 1e-5f;
/// width between the two linear layers of the spatial pools
constexpr int hidden = 2048;

using Pool = EncoderUNetModel::Pool;

Pool pool_named(const std::string& name) {
    if (name == "adaptive") return Pool::adaptive;
    if (name == "attention") return Pool::attention;
    if (name == "spatial") return Pool::spatial;
    if (name == "spatial_v2") return Pool::spatial_v2;
    throw Error(
        fmt::format("'pool': '{}', expected adaptive, attention, spatial or spatial_v2", name));
}

bool is_spatial(Pool pool) { return pool == Pool::spatial || pool == Pool::spatial_v2; }

/// Channels of all blocks' results together.
int feature_width(const unet::Layout& layout) {
    int width = layout.middle.out();
    for (const unet::Block& block : layout.input) width += block.out();
    return width;
}

}  // namespace

EncoderUNetModel::Config EncoderUNetModel::Config::from_json(const io::Json& json) {
    if (!json.is_object()) throw Error("EncoderUNetModel: settings are keys and values");
    io::Json unet = json;
    unet.erase("pool");
    if (!io::has(json, "num_heads") && !io::has(json, "num_head_channels")) unet["num_heads"] = 1;
    Config config{.unet = unet::Config::from_json(unet),
                  .image_size = io::get_in(json, "image_size", 1, 1 << 15),
                  .pool = pool_named(io::get_or(json, "pool", "adaptive"))};
    if (config.unet.context_dim || config.unet.num_classes || config.unet.n_embed)
        throw Error(
            "EncoderUNetModel: it is given neither a context nor classes, and predicts no codebook "
            "entries");
    if (config.pool == Pool::attention && config.unet.num_head_channels < 1)
        throw Error("EncoderUNetModel: pool 'attention' needs 'num_head_channels'");
    return config;
}

EncoderUNetModel::EncoderUNetModel(const nn::Params& weights, const Config& config)
    : EncoderUNetModel(weights, config, unet::layout(config.unet)) {}

EncoderUNetModel::EncoderUNetModel(const nn::Params& weights, const Config& config,
                                   const unet::Layout& layout)
    : config_(config),
      time_in_(weights / "time_embed" / 0, config.unet.model_channels, config.unet.time_width()),
      time_out_(weights / "time_embed" / 2, config.unet.time_width(), config.unet.time_width()),
      middle_(weights / layout.middle.key, config.unet, layout.middle) {
    for (const unet::Block& block : layout.input)
        down_.emplace_back(weights / block.key, config.unet, block);

    const nn::Params out = weights / "out";
    const int width = layout.middle.out(), classes = config.unet.out_channels;
    if (is_spatial(config.pool)) {
        const bool is_first = config.pool == Pool::spatial;
        means_in_.emplace(out / 0, feature_width(layout), hidden);
        if (!is_first) norm_.emplace(out / 1, hidden, eps);
        means_out_.emplace(is_first ? out / 2 : out / 3, hidden, classes);
        return;
    }
    norm_.emplace(out / 0, width, eps);
    if (config.pool == Pool::adaptive)
        conv_.emplace(out / 3, width, classes, nn::pointwise);
    else
        attention_.emplace(
            out / 2,
            AttentionPool2d::Config{.spacial_dim = config.image_size / config.unet.down_factor(),
                                    .embed_dim = width,
                                    .num_heads_channels = config.unet.num_head_channels,
                                    .output_dim = classes});
}

//! [forward]
Tensor EncoderUNetModel::operator()(const Tensor& x, const Tensor& t) const {
    const auto [n, channels, height, width] = x.dims<4>();
    expect_shape(x, {n, config_.unet.in_channels, height, width});
    expect_shape(t, {n});
    if (const int factor = config_.unet.down_factor(); height % factor != 0 || width % factor != 0)
        fail(fmt::format("a picture of {} x {} does not fit: both must be multiples of {}", height,
                         width, factor));

    const Tensor waves = ddpm::timestep_embedding(t, config_.unet.model_channels);  // [N, C]
    const Tensor time = time_out_(ops::silu(time_in_(ops::to(waves, x.dtype()))));  // [N, 4 C]
    Tensor h = x;
    std::vector<Tensor> means;
    for (const auto& block : down_) {
        h = block(h, time, {});
        means.push_back(ops::mean(h, {2, 3}));
    }
    h = middle_(h, time, {});
    means.push_back(ops::mean(h, {2, 3}));
    return is_spatial(config_.pool) ? joined(means) : pooled(h);
}
//! [forward]

/// h [N, C, H, W] -> [N, classes]
Tensor EncoderUNetModel::pooled(const Tensor& h) const {
    const Tensor features = norm_->then_silu(h);
    if (attention_) return (*attention_)(features);
    const Tensor mean = ops::mean(features, {2, 3}, ops::Axes::keep);  // [N, C, 1, 1]
    return (*conv_)(mean).reshape({h.dim(0), config_.unet.out_channels});
}

/// Each [N, C of its block] -> [N, classes]
Tensor EncoderUNetModel::joined(const std::vector<Tensor>& means) const {
    const Tensor h = (*means_in_)(ops::concat(means, 1));  // [N, 2048]
    return (*means_out_)(norm_ ? norm_->then_silu(h) : ops::relu(h));
}

}  // namespace ldm::conditioners
