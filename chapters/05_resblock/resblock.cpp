#include "chapters/05_resblock/resblock.h"

#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/resample.h"
#include "common/ops/shape.h"

namespace ldm::resblock {
namespace {

using ops::silu;

// 1e-6 belongs to the autoencoder and the transformer
constexpr float eps = 1e-5f;

ResBlock::Config with_out_channels(ResBlock::Config config) {
    if (config.out_channels == 0) config.out_channels = config.channels;
    return config;
}

}  // namespace

ResBlock::Config ResBlock::Config::from_json(const io::Json& json) {
    io::expect_only_keys(json,
                         {"channels", "emb_channels", "dropout", "out_channels", "use_conv",
                          "use_scale_shift_norm", "dims", "use_checkpoint", "up", "down"},
                         "ResBlock");
    const int dims = io::get_or(json, "dims", 2);
    expect(dims == 2, "ResBlock: 'dims' can only be 2, got " + std::to_string(dims));
    Config config;
    config.channels = io::get<int>(json, "channels");
    config.emb_channels = io::get<int>(json, "emb_channels");
    config.out_channels = io::get_or(json, "out_channels", config.channels);
    config.use_conv = io::get_or(json, "use_conv", false);
    config.use_scale_shift_norm = io::get_or(json, "use_scale_shift_norm", false);
    config.up = io::get_or(json, "up", false);
    config.down = io::get_or(json, "down", false);
    expect(!(config.up && config.down), "ResBlock: 'up' and 'down' cannot both be true");
    return config;
}

ResBlock::ResBlock(const nn::Params& weights, const Config& config)
    : config_(with_out_channels(config)),
      path_(weights.path()),
      norm_in_(weights / "in_layers" / 0, config_.channels, eps),
      conv_in_(weights / "in_layers" / 2, config_.channels, config_.out_channels),
      time_(weights / "emb_layers" / 1, config_.emb_channels,
            config_.use_scale_shift_norm ? 2 * config_.out_channels : config_.out_channels),
      norm_out_(weights / "out_layers" / 0, config_.out_channels, eps),
      conv_out_(weights / "out_layers" / 3, config_.out_channels, config_.out_channels) {
    if (config_.channels == config_.out_channels) return;
    conv_skip_.emplace(weights / "skip_connection", config_.channels, config_.out_channels,
                       config_.use_conv ? nn::Conv2dShape{} : nn::pointwise);
}

//! [forward]
Tensor ResBlock::operator()(const Tensor& x, const Tensor& emb) const {
    const auto [n, channels, height, width] = x.dims<4>();
    expect_shape(x, {n, config_.channels, height, width});
    expect_shape(emb, {n, config_.emb_channels});

    // The first normalization, activation and convolution.
    Tensor h = conv_in_(resize(norm_in_.then_silu(x)));  // [N, out, H', W']

    // The time embedding enters here: how noisy is x? One shift per channel, for all pixels.
    h = norm_silu_with_time(h, time_(silu(emb)));

    // The second convolution gives the residual.
    h = conv_out_(h);

    // The skip connection adds x itself.
    return traced(path_, skip(resize(x)) + h);  // [N, out, H', W']
}
//! [forward]

//! [time]
Tensor ResBlock::norm_silu_with_time(const Tensor& h, const Tensor& time) const {
    const Tensor per_channel = time.reshape({time.dim(0), -1, 1, 1});
    if (!config_.use_scale_shift_norm) return norm_out_.then_silu(h + per_channel);

    // [N, 2 out, 1, 1]: scale, shift
    const auto parts = ops::chunk(per_channel, 2, 1);
    return silu(norm_out_(h) * (parts[0] + 1.0f) + parts[1]);
}
//! [time]

Tensor ResBlock::resize(const Tensor& x) const {
    if (config_.up) return ops::upsample_nearest(x, 2);
    if (config_.down) return ops::avg_pool2d(x, 2);
    return x;
}

Tensor ResBlock::skip(const Tensor& x) const { return conv_skip_ ? (*conv_skip_)(x) : x; }

}  // namespace ldm::resblock
