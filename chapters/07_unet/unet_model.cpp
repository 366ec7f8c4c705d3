#include "chapters/07_unet/unet_model.h"

#include <fmt/format.h>

#include "chapters/01_ddpm/time_embedding.h"
#include "common/autograd/trace.h"
#include "common/ops/elementwise.h"
#include "common/ops/shape.h"
#include "common/ops/transfer.h"

namespace ldm::unet {
namespace {

constexpr float eps = 1e-5f;

}  // namespace

UNetModel::UNetModel(const nn::Params& weights, const Config& config)
    : UNetModel(weights, config, layout(config)) {}

UNetModel::UNetModel(const nn::Params& weights, const Config& config, const Layout& layout)
    : path_(weights.path()),
      config_(config),
      time_in_(weights / "time_embed" / 0, config.model_channels, config.time_width()),
      time_out_(weights / "time_embed" / 2, config.time_width(), config.time_width()),
      middle_(weights / layout.middle.key, config, layout.middle) {
    if (config.num_classes)
        label_.emplace(weights / "label_emb", *config.num_classes, config.time_width());
    for (const Block& block : layout.input) down_.emplace_back(weights / block.key, config, block);
    for (const Block& block : layout.output) up_.emplace_back(weights / block.key, config, block);

    // A model that predicts codebook entries may carry the other head too, unused.
    const int top = config.model_channels;
    if (const auto w = weights / "out"; !config.n_embed || w.contains("0.weight"))
        out_ = Head{w.path(), {w / 0, top, eps}, {w / 2, top, config.out_channels}};
    if (const auto w = weights / "id_predictor"; config.n_embed)
        id_predictor_ =
            Head{w.path(), {w / 0, top, eps}, {w / 1, top, *config.n_embed, nn::pointwise}};
}

//! [forward]
Tensor UNetModel::operator()(const Tensor& x, const Tensor& t, const Tensor& context,
                             const Tensor& y) const {
    check_inputs(x, t, context, y);
    const Tensor time = time_embedding(t, y, x.dtype());  // [N, 4 C]

    // Down: fewer pixels, more channels. Every result goes on a stack of skip connections.
    Tensor h = x;
    std::vector<Tensor> skips;
    for (const auto& block : down_) skips.push_back(h = block(h, time, context));

    // The middle: few enough pixels that each can attend to all.
    h = middle_(h, time, context);  // [N, C', H', W']

    // Up: each block gets the features so far beside those of the same size on the way down.
    for (const auto& block : up_) {
        h = block(ops::concat({h, skips.back()}, 1), time, context);
        skips.pop_back();
    }
    return traced(path_, predict(h));  // [N, out, H, W]
}
//! [forward]

//! [time]
Tensor UNetModel::time_embedding(const Tensor& t, const Tensor& y, DType dtype) const {
    const Tensor waves = ddpm::timestep_embedding(t, config_.model_channels);   // [N, C]
    const Tensor time = time_out_(ops::silu(time_in_(ops::to(waves, dtype))));  // [N, 4 C]
    return label_ ? time + (*label_)(y) : time;
}
//! [time]

Tensor UNetModel::predict(const Tensor& h) const {
    if (id_predictor_)
        return traced(id_predictor_->path, id_predictor_->conv(id_predictor_->norm(h)));
    return traced(out_->path, out_->conv(out_->norm.then_silu(h)));
}

void UNetModel::check_inputs(const Tensor& x, const Tensor& t, const Tensor& context,
                             const Tensor& y) const {
    const auto [n, channels, height, width] = x.dims<4>();
    expect_shape(x, {n, config_.in_channels, height, width});
    expect_shape(t, {n});

    if (const int factor = config_.down_factor(); height % factor != 0 || width % factor != 0)
        fail(fmt::format(
            "a picture of {} x {} (height x width) does not fit this UNet: it is halved {} times, "
            "so both must be multiples of {}",
            height, width, config_.levels() - 1, factor));

    expect(static_cast<bool>(context) == config_.context_dim.has_value(),
           context ? "this UNet reads no context, but one was given" : "this UNet needs a context");
    if (context) expect_shape(context, {n, context.dims<3>()[1], *config_.context_dim});

    expect(static_cast<bool>(y) == config_.num_classes.has_value(),
           y ? "this UNet knows no classes, but labels were given" : "this UNet needs labels");
    if (y) expect_shape(y, {n});
}

}  // namespace ldm::unet
